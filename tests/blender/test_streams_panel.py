# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams in the panels: switches that are never saved, ports, the source that needs no model, Send Take."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

import mimica
from mimica.bridges.streams.receiver import StreamReceiver
from mimica.capture.control_takes import write_control_take
from mimica.capture.take import TakeInfo
from mimica.mapping.control_take import ControlTake
from mimica.operators import capture as capture_operators
from mimica.operators.own_takes import remember
from mimica.operators.takes import refresh_takes
from mimica.rig import live, streams
from mimica.rig.face_rig import create_face_rig
from mimica.ui import streams_properties


@pytest.fixture(autouse=True)
def scene() -> Iterator[bpy.types.Scene]:
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    yield bpy.context.scene
    mimica.unregister()
    live.finished_takes.clear()


@pytest.fixture
def receivers() -> Iterator[tuple[StreamReceiver, StreamReceiver]]:
    both = StreamReceiver("json", "127.0.0.1", 0), StreamReceiver("json", "127.0.0.1", 0)
    for one in both:
        one.start()
    yield both
    for one in both:
        one.stop()


def until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def sending() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.mimica.sending


def a_take(folder: Path, scene: bpy.types.Scene) -> Path:
    path = folder / "told.mimica"
    controls = np.full((40, 52), 0.5)
    write_control_take(path, TakeInfo("told"), ControlTake("told", np.arange(40) / 60, controls, 60.0))
    remember(scene, path)
    refresh_takes(bpy.context.window_manager)
    return path


def test_a_protocol_brings_its_usual_port(scene: bpy.types.Scene) -> None:
    program = scene.mimica.program
    assert (program.protocol, program.port) == ("livelink", 11111)
    for key, port in (("vmc", 39539), ("ifacialmocap", 49983), ("json", 47800), ("livelink", 11111)):
        program.protocol = key
        assert program.port == port
    assert {key for key, _, _ in streams_properties.PROTOCOLS} == set(streams.PROTOCOLS), "each has its row"
    assert [scene.mimica.streams.place_of(key).port for key, _, _ in streams_properties.PROTOCOLS] == [
        streams.usual_port(key, out=True) for key, _, _ in streams_properties.PROTOCOLS
    ]


def test_a_switch_sends_and_follows_its_address(
    scene: bpy.types.Scene, receivers: tuple[StreamReceiver, StreamReceiver], tmp_path: Path
) -> None:
    first, second = receivers
    scene.mimica.streams.json_port = first.port
    assert not sending().json
    sending().json = True
    assert sending().json and streams.health_of("json") is not None
    a_take(tmp_path, scene)
    assert bpy.ops.mimica.send_take() == {"FINISHED"}
    until(lambda: first.health.frames > 5)
    scene.mimica.streams.json_port = second.port
    until(lambda: second.health.frames > 5)
    until(lambda: streams.playing() is None)
    sending().json = False
    assert not streams.is_on("json") and streams.health_of("json") is None


def test_undo_brings_a_stream_back_to_the_address_that_is_shown(scene: bpy.types.Scene) -> None:
    bpy.ops.ed.undo_push(message="before")
    sending().json = True
    scene.mimica.streams.json_port = 40123
    bpy.ops.ed.undo_push(message="moved")
    assert streams.goes_to("json") == streams.Place("127.0.0.1", 40123)
    bpy.ops.ed.undo()
    shown = bpy.context.scene.mimica.streams.place_of("json")
    assert shown.port != 40123 and streams.goes_to("json") == shown
    bpy.ops.ed.redo()
    assert streams.goes_to("json") == streams.Place("127.0.0.1", 40123)
    assert streams.goes_to("vmc") is None


def test_send_take_says_why_it_cannot(scene: bpy.types.Scene, tmp_path: Path) -> None:
    assert not bpy.ops.mimica.send_take.poll(), "no stream is on"
    sending().json = True
    assert not bpy.ops.mimica.send_take.poll(), "there is no take"
    a_take(tmp_path, scene)
    assert bpy.ops.mimica.send_take.poll()
    assert bpy.ops.mimica.send_take() == {"FINISHED"}
    assert streams.playing() is not None
    assert bpy.ops.mimica.send_take() == {"FINISHED"}, "pressed again it ends"
    assert streams.playing() is None


def test_no_file_begins_to_send_by_itself(scene: bpy.types.Scene, tmp_path: Path) -> None:
    sending().json = True
    scene.mimica.streams.json_address = "127.0.0.1"
    file = tmp_path / "sends.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    bpy.ops.wm.open_mainfile(filepath=str(file))
    assert not sending().json and not streams.is_on("json")


def test_a_place_that_cannot_be_is_said(scene: bpy.types.Scene) -> None:
    scene.mimica.streams.json_address = ""
    sending().json = True
    assert not sending().json
    assert "address" in streams.problem_of("json")


def test_switching_the_add_on_off_ends_what_goes_out() -> None:
    sending().json = True
    mimica.unregister()
    try:
        assert not streams.is_on("json")
    finally:
        mimica.register()


def test_a_capture_of_another_program_needs_no_model(scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_model(_context: bpy.types.Context) -> None:
        raise AssertionError("a model was asked for")

    monkeypatch.setattr(capture_operators, "model_in_use", no_model)
    scene.mimica.target = bpy.data.objects[create_face_rig(bpy.context).armature]
    scene.mimica.source = "PROGRAM"
    scene.mimica.program.protocol = "json"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("", 0))
        port = one.getsockname()[1]
    scene.mimica.program.port = port
    assert bpy.ops.mimica.start_capture() == {"FINISHED"}
    session = live.current()
    assert session is not None and session.of_controls
    until(lambda: session.capture.state == "running")
    assert not bpy.ops.mimica.set_neutral.poll() and not bpy.ops.mimica.learn_range.poll()
    reception = streams.reception()
    assert reception is not None and reception[0].port == port
    assert session.capture.info is not None and session.capture.info.name == f"JSON, port {port}"
    assert bpy.ops.mimica.stop_capture() == {"FINISHED"}
    assert streams.reception() is None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("", port))


class Layout:
    """Draws nothing, and keeps what is said."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def __getattr__(self, name: str) -> Callable[..., object]:
        def draw(*_given: object, text: str = "", **_more: object) -> object:
            self.said.append(text)
            return Layout(self.said) if name in ("row", "column", "box", "split") else SimpleNamespace()

        return draw


def test_the_panels_say_how_the_streams_are(scene: bpy.types.Scene) -> None:
    from mimica.ui.streams import VIEW3D_PT_mimica_streams, draw_program, draw_reception

    sending().json = True
    said: list[str] = []
    context = SimpleNamespace(
        scene=scene,
        region=SimpleNamespace(width=400),
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
        window_manager=bpy.context.window_manager,
    )
    VIEW3D_PT_mimica_streams.draw(SimpleNamespace(layout=Layout(said)), context)  # pyright: ignore
    assert any("frames/s" in text for text in said)
    draw_program(Layout(said), context)  # pyright: ignore
    source = streams.source_of("json", 0, "")
    session = live.start(live.LiveSettings(capture_operators.source_spec(scene), controls=source))
    try:
        until(lambda: session.capture.state == "running")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"nonsense", ("127.0.0.1", source.port))
            one.sendto(b'{"mimica":1,"face":"Anna","controls":{}}', ("127.0.0.1", source.port))
        until(lambda: source.health.faces and source.health.refused)
        until(lambda: session.faces_now)
        draw_reception(Layout(said), context, session)  # pyright: ignore
        assert any("Anna" in text for text in said) and any("not understood" in text for text in said)
    finally:
        live.stop()
