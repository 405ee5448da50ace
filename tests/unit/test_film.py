# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera's video beside a take: every picture in order, whole after a kill, never in the tracker's way."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import mimica
from mimica.capture import film
from mimica.capture.film import FilmWriter
from mimica.capture.take_schema import Film
from mimica.tests.unit.clips import number_of, numbered

cv2 = pytest.importorskip("cv2")


def pictures(path: Path) -> list[np.ndarray]:
    capture, found = cv2.VideoCapture(str(path)), []
    while True:
        done, picture = capture.read()
        if not done:
            return found
        found.append(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


def test_every_picture_is_there_in_order(tmp_path: Path) -> None:
    begun: list[Film] = []
    writer = FilmWriter(tmp_path / "a.avi", 25.0, begun.append)
    for i in range(7, 47):
        writer.add(i, numbered(i))
    writer.close()
    assert writer.error is None and writer.count == 40
    assert begun == [Film("a.avi", 7)]
    assert [number_of(picture) for picture in pictures(tmp_path / "a.avi")] == list(range(7, 47))
    assert cv2.VideoCapture(str(tmp_path / "a.avi")).get(cv2.CAP_PROP_FPS) == pytest.approx(25.0)


def test_red_stays_red(tmp_path: Path) -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 255
    writer = FilmWriter(tmp_path / "a.avi", None, lambda _: None)
    writer.add(0, red)
    writer.close()
    (kept,) = pictures(tmp_path / "a.avi")
    assert kept[..., 0].mean() > 230 and kept[..., 1:].mean() < 25


def test_a_picture_of_another_size_is_fitted(tmp_path: Path) -> None:
    writer = FilmWriter(tmp_path / "a.avi", 30.0, lambda _: None)
    for i, (height, width) in enumerate([(48, 64), (96, 64), (50, 31)]):
        writer.add(i, np.full((height, width, 3), 90, np.uint8))
    writer.close()
    assert [picture.shape for picture in pictures(tmp_path / "a.avi")] == [(48, 64, 3)] * 3


def test_nothing_recorded_leaves_no_file(tmp_path: Path) -> None:
    writer = FilmWriter(tmp_path / "a.avi", 30.0, lambda _: pytest.fail("nothing has begun"))
    writer.close()
    writer.close()
    assert writer.error is None and os.listdir(tmp_path) == []


def test_a_film_that_exists_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(b"somebody's film")
    writer = FilmWriter(path, 30.0, lambda _: None)
    writer.add(0, numbered(0))
    writer.close()
    assert writer.error is not None and "exists already" in writer.error
    assert path.read_bytes() == b"somebody's film"


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    writer = FilmWriter(tmp_path / "file" / "a.avi", 30.0, lambda _: None)
    writer.add(0, numbered(0))
    writer.close()
    assert writer.error is not None and writer.error.endswith(".")


def test_too_slow_a_disk_ends_the_film_and_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, threads = threading.Event(), []

    def usage(_path: object) -> SimpleNamespace:
        threads.append(threading.current_thread())
        gate.wait(20)
        return SimpleNamespace(free=10 * film.KEPT_FREE)

    monkeypatch.setattr(film.shutil, "disk_usage", usage)
    writer = FilmWriter(tmp_path / "a.avi", 30.0, lambda _: None)
    for i in range(2 * film.WAITING_LIMIT):
        writer.add(i, numbered(i % 100))
    assert writer.error is not None and "too slow" in writer.error
    assert threading.current_thread() not in threads
    gate.set()
    writer.close()
    # What was written before it was given up belongs to the first images.
    assert len(pictures(tmp_path / "a.avi")) == writer.count


def test_large_pictures_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(film, "WAITING_BYTES", 5 * numbered(0).nbytes)
    monkeypatch.setattr(FilmWriter, "_check_room", lambda self: gate.wait(20))
    writer = FilmWriter(tmp_path / "a.avi", 30.0, lambda _: None)
    for i in range(6):
        writer.add(i, numbered(i))
    assert writer.error is not None
    gate.set()
    writer.close()


def test_a_full_disk_is_said_and_what_was_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = [10 * film.KEPT_FREE]
    monkeypatch.setattr(film.shutil, "disk_usage", lambda _path: SimpleNamespace(free=free[0]))
    writer = FilmWriter(tmp_path / "a.avi", 30.0, lambda _: None)
    for i in range(film.ROOM_EVERY):
        writer.add(i, numbered(i))
    while writer.count < film.ROOM_EVERY:
        time.sleep(0.01)
    free[0] = film.KEPT_FREE // 2
    for i in range(film.ROOM_EVERY, 3 * film.ROOM_EVERY):
        writer.add(i, numbered(i))
    writer.close()
    assert writer.error is not None and "disk is nearly full" in writer.error
    assert [number_of(p) for p in pictures(tmp_path / "a.avi")] == list(range(film.ROOM_EVERY))


def test_a_gap_ends_the_film(tmp_path: Path) -> None:
    writer = FilmWriter(tmp_path / "a.avi", 30.0, lambda _: None)
    for i in (0, 1, 2, 4, 5):
        writer.add(i, numbered(i))
    writer.close()
    assert writer.error is not None
    kept = [number_of(picture) for picture in pictures(tmp_path / "a.avi")]
    assert kept == list(range(len(kept))) and len(kept) <= 3


KILLED = """
    import importlib.util, sys, time
    spec = importlib.util.spec_from_file_location("mimica", sys.argv[2], submodule_search_locations=[sys.argv[3]])
    sys.modules["mimica"] = importlib.util.module_from_spec(spec)
    import numpy as np
    from pathlib import Path
    from mimica.capture.film import FilmWriter
    noise = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    writer = FilmWriter(Path(sys.argv[1]), 30.0, lambda film: None)
    i = 0
    while True:
        writer.add(i, np.roll(noise, i, 1))
        i += 1
        while writer.count < i - 2:
            time.sleep(0.001)
        print(writer.count, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_program_leaves_a_film_that_opens(tmp_path: Path) -> None:
    path = tmp_path / "a.avi"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(path), str(mimica.__file__), *mimica.__path__]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    written = 0
    while written < 60:
        written = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(pictures(path)) >= written - 20, "no more than what the encoder held is lost"
