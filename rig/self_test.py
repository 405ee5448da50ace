# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test in Blender: the run that is shown, and what only Blender's main thread can look at."""

import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path

import bpy

from ..capture.self_test import BUNDLED, CAMERA, Finding, SelfTest, fault
from . import live, watch
from .language import later
from .paths import BASE_PACKAGE, performers_folder, takes_folder, user_folder

current: SelfTest | None = None
"""The run whose results are shown; None before the first."""

_COLOURS = ((1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.0))
"""Of the trial picture's quarters: those below, then those above. Full or nothing: the same in every colour space."""
_SIDE = 32
_TOLERANCE = 0.02


def uses_camera() -> bool:
    """Whether the self-test has a camera open, or is about to."""
    return current is not None and not current.done and current.current == CAMERA


def preferences() -> bpy.types.AddonPreferences | None:
    """Return the add-on's preferences; None where it is not installed as an add-on."""
    addon = bpy.context.preferences.addons.get(BASE_PACKAGE)
    return addon.preferences if addon is not None else None


def findings() -> tuple[tuple[str, Callable[[], Finding]], ...]:
    """Return what is to be looked at on the main thread, by title."""
    checks = [
        ("Blender", check_blender),
        (later("Settings"), check_settings),
        (later("Graphics"), check_graphics),
    ]
    if live.current() is not None:
        checks.append((later("Capture"), check_capture))
    return tuple(checks)


def look(check: Callable[[], Finding]) -> Finding:
    """Do a check on the main thread. One that fails says so."""
    try:
        return check()
    except Exception as error:
        return fault(error, "Start Blender again and repeat the test.")


def check_blender() -> Finding:
    """Say which Blender this is, and who built it."""
    app = bpy.app
    own, system = "Blender's own", "the system's"
    date = _text(app.build_commit_date) or _text(app.build_date)
    build = " ".join(filter(None, (_text(app.build_branch), _text(app.build_hash), date)))
    platforms = " ".join(filter(None, (_text(app.build_platform), _text(app.build_type))))
    details = (
        ("version", app.version_string),
        ("build", build),
        ("made for", platforms),
        ("kind", _kind()),
        ("Python", f"{platform.python_version()}, {own if _has_own_python() else system}"),
        ("online access", "allowed" if app.online_access else "not allowed"),
        ("window", "none" if app.background else "yes"),
    )
    return Finding("ok", f"Blender {app.version_string}, {_kind()}.", "", details)


def check_settings() -> Finding:
    """Say the settings that make a difference to a capture. None of them names a file, an address or a person."""
    scene, chosen = bpy.context.scene, preferences()
    settings = scene.mimica
    view = bpy.context.preferences.view
    target = settings.target
    details = (
        ("source", settings.source.lower()),
        ("resolution", settings.resolution.replace("x", " x ")),
        ("rate", f"{settings.rate} images/s asked of a camera"),
        ("camera", "chosen by name" if settings.camera else "the first one"),
        ("faces", str(settings.faces)),
        ("helper process", chosen.helper_process.lower() if chosen else "auto"),
        ("face model", "of one's own" if chosen and chosen.model_path else "the one that is found"),
        ("microphone", "on" if settings.microphone.use else "off"),
        ("character", target.type.lower() if target is not None else "none"),
        ("scene", f"{scene.render.fps / scene.render.fps_base:g} frames/s"),
        ("language", bpy.app.translations.locale or "en_US"),
        ("interface scale", f"{view.ui_scale:g}"),
    )
    return Finding("ok", f"Source: {settings.source.lower()}.", "", details)


def check_capture() -> Finding:
    """Say how the running capture goes."""
    session = live.current()
    if session is None:
        return Finding("skipped", "No capture is running.")
    stats, info = session.stats(), session.capture.info
    complaints = watch.follow(session).complaints
    size = f"{info.width} x {info.height}" if info else "not open yet"
    details = (
        ("source", f"{info.kind if info else session.settings.source.kind}, {size}"),
        ("process", "helper" if session.settings.helper else "Blender"),
        ("rate", f"{stats.rate:.1f} images/s"),
        ("latency", f"{session.latency_ms:.0f} ms"),
        ("images", f"{stats.captured} came, {stats.tracked} tracked, {stats.dropped} skipped"),
        ("face found", "yes" if stats.face_found else "no"),
        ("poses", str(session.poses)),
    )
    if session.capture.error:
        return Finding("failure", _nameless(session.capture.error), "", details)
    if complaints:
        return Finding("warning", _nameless(complaints[0].sentence), "", details)
    return Finding("ok", f"A capture is running, with {stats.rate:.0f} images a second.", "", details)


def check_graphics() -> Finding:
    """Draw a small picture out of sight and read it back."""
    if bpy.app.background:
        return Finding("skipped", "Blender runs without a window, so nothing is drawn.")
    import gpu

    details = [
        ("backend", gpu.platform.backend_type_get()),
        ("vendor", gpu.platform.vendor_get()),
        ("renderer", gpu.platform.renderer_get()),
        ("version", gpu.platform.version_get()),
        ("device", gpu.platform.device_type_get()),
    ]
    advice = "Update the graphics driver, or choose another backend in Preferences > System."
    try:
        drawn = _draw_and_read()
    except Exception as error:
        return Finding("failure", f"A trial picture could not be drawn ({error}).", advice, tuple(details))
    right = sum(
        max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) <= _TOLERANCE
        for seen, wanted in zip(drawn, _COLOURS, strict=True)
    )
    details.append(("trial picture", f"{right} of {len(_COLOURS)} colours right"))
    if right < len(_COLOURS):
        sentence = "A trial picture is not drawn as it should be: the camera's picture may look wrong."
        return Finding("failure", sentence, advice, tuple(details))
    if any(
        word in gpu.platform.renderer_get().lower() for word in ("llvmpipe", "softpipe", "swrast", "microsoft basic")
    ):
        sentence = "Drawing works, but without a graphics card: Blender's window is slow."
        return Finding("warning", sentence, "Install the driver of your graphics card.", tuple(details))
    return Finding("ok", f"Drawing works, with {gpu.platform.backend_type_get()}.", "", tuple(details))


def personal() -> dict[str, str]:
    """Return what this Blender and this file know of somebody, for the scrubber."""
    settings, chosen = bpy.context.scene.mimica, preferences()
    found = {str(user_folder()): "<user folder>", str(takes_folder()): "<takes folder>"}
    for text in (bpy.data.filepath, settings.video, settings.images, chosen.model_path if chosen else ""):
        if text:
            path = Path(bpy.path.abspath(text))
            # A folder may be called like any word, such as "frames": by itself it is one in quotes only.
            found |= {str(path): "<file>"} if path.suffix or len(path.parts) > 1 else {}
            found |= {path.name: "<file>"} if path.suffix else {f"'{path.name}'": "'<file>'"}
    found[settings.address] = "<address>"
    found |= {file.stem: "<performer>" for file in performers_folder().glob("*.json")}
    found[getattr(bpy.context.preferences.system, "author", "")] = "<user>"
    return {text: role for text, role in found.items() if text.strip()}


def library_places() -> list[tuple[str, Path]]:
    """Return the folders in which libraries lie, with what they are called; the first that holds one counts."""
    import site

    places = []
    for repository in getattr(bpy.context.preferences.extensions, "repos", ()):
        # Blender unpacks the wheels of all extensions of all repositories beside each other.
        folder = Path(repository.directory).parent / ".local"
        if folder.is_dir() and all(folder != known for _, known in places):
            places.append((BUNDLED, folder))
    places.append(("Blender's extensions", Path(bpy.utils.user_resource("EXTENSIONS"))))
    places.append(("Blender's scripts", Path(bpy.utils.user_resource("SCRIPTS"))))
    if site.USER_SITE:
        places.append(("the user's Python packages", Path(site.USER_SITE)))
    places.append(("Blender's Python" if _has_own_python() else "the system's Python", Path(sys.prefix)))
    return places


def is_extension() -> bool:
    """Whether Mimica is installed as an extension, with libraries of its own."""
    return BASE_PACKAGE.startswith("bl_ext.")


def _draw_and_read() -> list[tuple[float, ...]]:
    """Return the colours in the middle of the quarters of a picture that the graphics drew."""
    import gpu
    from gpu_extras.batch import batch_for_shader
    from mathutils import Matrix

    offscreen = gpu.types.GPUOffScreen(_SIDE, _SIDE)
    try:
        with offscreen.bind():
            frame = gpu.state.active_framebuffer_get()
            frame.clear(color=(0.0, 0.0, 0.0, 0.0))
            gpu.state.blend_set("NONE")
            with gpu.matrix.push_pop():
                gpu.matrix.load_matrix(Matrix.Identity(4))
                gpu.matrix.load_projection_matrix(Matrix.Identity(4))
                shader = gpu.shader.from_builtin("UNIFORM_COLOR")
                for i, colour in enumerate(_COLOURS):
                    x, y = float(i % 2) - 1.0, float(i // 2) - 1.0
                    corners = [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)]
                    batch = batch_for_shader(shader, "TRI_STRIP", {"pos": corners})
                    shader.uniform_float("color", colour)
                    batch.draw(shader)
            places = [(_SIDE // 4 + i % 2 * _SIDE // 2, _SIDE // 4 + i // 2 * _SIDE // 2) for i in range(len(_COLOURS))]
            return [tuple(frame.read_color(x, y, 1, 1, 4, 0, "FLOAT").to_list()[0][0]) for x, y in places]
    finally:
        offscreen.free()


def _nameless(text: str) -> str:
    """Return a sentence without what it quotes: cameras, files and addresses, all called by somebody."""
    return re.sub(r"(?<!\w)'.*?'(?!\w)", "'<name>'", text)


def _kind() -> str:
    if getattr(bpy.app, "module", False):
        return "a Python module"
    return "a build with its own Python, as from blender.org" if _has_own_python() else "a distribution's build"


def _has_own_python() -> bool:
    """Whether this Blender brings its Python, as those from blender.org do."""
    program = Path(bpy.app.binary_path)
    # On macOS the program is in Contents/MacOS, what belongs to it in Contents/Resources.
    folder = program.parent.parent if sys.platform == "darwin" else program.parent
    return bool(bpy.app.binary_path) and Path(sys.prefix).resolve().is_relative_to(folder.resolve())


def _text(value: bytes | str) -> str:
    """Return what Blender says of its build; nothing where its builders left it out."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "" if text.lower() == "unknown" else text
