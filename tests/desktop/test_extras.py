# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optional packages: the panel that names them, and their zip, installed from disk while Blender runs."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimica.tests.desktop.harness import Desktop, Installation
from mimica.tools.extras import build_extras

MODULE = "bl_ext.user_default.mimica"
OFFER = """
import asyncio
import aiortc

async def make_offer():
    connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    connection.createDataChannel("results")
    await connection.setLocalDescription(await connection.createOffer())
    description = connection.localDescription.sdp
    await connection.close()
    return description

offer = asyncio.run(make_offer())
"""
"""The first half of a phone's connection."""
MISSING = f"__import__('sys').modules['{MODULE}.rig.extras'].missing('phone')"
PANEL = f"""
import importlib

class VIEW3D_PT_extras_test(bpy.types.Panel):
    bl_label = "Phone Test"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Extras Test"

    def draw(self, context):
        if not importlib.import_module("{MODULE}.ui.extras").draw_missing(self.layout, "phone"):
            self.layout.label(text="All is there")

bpy.utils.register_class(VIEW3D_PT_extras_test)
"""


@pytest.fixture(scope="module")
def own_installation(
    in_newest: None, installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """A copy of the user's settings: no other test is to find the packages there."""
    folder = tmp_path_factory.mktemp("extras") / "settings"
    shutil.copytree(installation.folder, folder, ignore=shutil.ignore_patterns("run", "shaders"), symlinks=True)
    return Installation(installation.blender, folder)


@pytest.fixture(scope="module")
def desktop(own_installation: Installation) -> Iterator[Desktop]:
    desktop = own_installation.start()
    try:
        yield desktop
        if desktop.running:
            assert desktop.quit() == 0, desktop.log()
    finally:
        desktop.kill()


def test_the_zip_brings_what_the_panel_names(desktop: Desktop, own_installation: Installation, tmp_path: Path) -> None:
    desktop.run(PANEL)
    desktop.show_tab("Extras Test")
    lacking = desktop.evaluate(MISSING)
    if "aiortc" not in lacking:
        pytest.skip("this Blender's Python has aiortc already")
    desktop.find("Phone as Camera")
    desktop.screenshot("extra-missing")
    desktop.hover("Install from Disk...")
    assert desktop.operator_under_mouse() == "bpy.ops.mimica.install_extra()"
    desktop.click("Install from Disk...")
    # Blender's own file browser, in a window of its own.
    desktop.wait_until(
        "any(a.type == 'FILE_BROWSER' for w in bpy.context.window_manager.windows for a in w.screen.areas)"
    )
    desktop.screenshot("extra-browser")
    desktop.press("Escape")

    python = own_installation.blender.python
    zip_path = build_extras(Path(sys.executable), tmp_path, ["linux-x64"], [python], ("phone",))[0]
    # What the file browser runs when the file is chosen.
    desktop.run(
        f"bpy.ops.extensions.package_install_files(filepath={str(zip_path)!r}, repo='user_default', "
        "enable_on_install=True)"
    )
    assert desktop.evaluate(MISSING) == []
    desktop.run("area().tag_redraw()")
    desktop.find("All is there")
    desktop.screenshot("extra-installed")
    names = ("aiohttp", "aiortc", "aioice", "av", "cryptography.x509", "OpenSSL", "pylibsrtp", "segno")
    origins = desktop.evaluate(f"[__import__('importlib').import_module(name).__file__ for name in {names}]")
    assert all(origin.startswith(str(own_installation.folder)) for origin in origins), origins
    desktop.run(OFFER)
    assert "a=fingerprint:sha-256" in desktop.evaluate("offer")
    assert desktop.complaints() == []


def test_packages_installed_without_a_window(own_installation: Installation) -> None:
    own_installation.install_extra("detector")
    code = (
        f"from {MODULE}.bridges.extras import require\n"
        "require('detector')\n"
        "import onnxruntime\n"
        "print('PROVIDED', onnxruntime.get_available_providers())\n"
    )
    output = own_installation.background(code)
    assert "PROVIDED" in output and "CPUExecutionProvider" in output
