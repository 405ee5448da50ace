# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test as a whole: whatever a check does, the others go on, and the report tells all."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mimica.capture.self_test import Check, Finding, SelfTest, Trail, run_check
from mimica.capture.self_test_plan import PICTURE, TITLES, Setup, make_checks, make_self_test
from mimica.capture.self_test_report import report_text, summary
from mimica.capture.self_test_scrub import Scrubber
from mimica.capture.source import SourceSpec
from mimica.cli.commands import Places, main
from mimica.cli.failure import INTERRUPTED

NOTHING = Scrubber({})
FINE = Finding("ok", "All is there.", "", (("figure", "3"),))


def check(title: str, run: Callable[[], Finding] = lambda: FINE, limit: float = 10.0) -> Check:
    return Check(title, run, f"The {title.lower()}", limit, "Do something.")


def finished(checks: list[Check], **settings) -> SelfTest:
    test = SelfTest(checks, NOTHING, **settings)
    test.start()
    assert test.wait(20.0)
    return test


def setup(root: Path, folder: Path, **settings) -> Setup:
    given: dict[str, Any] = {
        "extension_folder": root,
        "user_folder": folder,
        "folders": {"user folder": folder},
        "find_model": lambda: None,
        "camera": SourceSpec("camera"),
        "places": (),
        "installed": False,
    }
    return Setup(**(given | settings))


def test_a_check_that_fails_says_what_and_the_others_go_on() -> None:
    def broken() -> Finding:
        raise OSError(28, "No space left on device")

    test = finished([check("One"), check("Two", broken), check("Three")])
    assert [(result.title, result.outcome) for result in test.results] == [
        ("One", "ok"),
        ("Two", "failure"),
        ("Three", "ok"),
    ]
    failed = test.results[1]
    assert "No space left on device" in failed.sentence and failed.advice == "Do something."
    assert dict(failed.details)["at"].startswith("test_self_test.py:")
    assert test.progress == 1.0 and test.done and not test.cancelled


def test_a_check_that_hangs_is_left_to_itself() -> None:
    forever = threading.Event()

    def hang() -> Finding:
        forever.wait()
        return FINE

    test = finished([check("Camera", hang, limit=0.05), check("Disk")])
    forever.set()
    assert [result.outcome for result in test.results] == ["failure", "ok"]
    assert test.results[0].sentence == "The camera did not answer within 0.05 s."


def test_results_stand_in_order_wherever_they_come_from() -> None:
    test = SelfTest([check("Camera"), check("Disk")], NOTHING, ["Blender", "Disk", "Camera", "Graphics"])
    test.add("Graphics", FINE)
    test.start()
    assert test.wait(10.0)
    assert test.progress == 0.75
    test.add("Blender", FINE)
    assert [result.title for result in test.results] == ["Blender", "Disk", "Camera", "Graphics"]
    assert test.progress == 1.0


def test_cancelling_begins_nothing_more_and_waits_for_nothing() -> None:
    began, go_on = threading.Event(), threading.Event()

    def slow() -> Finding:
        began.set()
        go_on.wait(10.0)
        return FINE

    test = SelfTest([check("One"), check("Two", slow), check("Three")], NOTHING)
    test.start()
    assert began.wait(10.0)
    test.cancel()
    assert test.done and test.cancelled
    go_on.set()
    test._thread.join(10.0)
    assert [result.title for result in test.results] == ["One"]
    assert "not finished" in report_text(test.results, when="now", complete=not test.cancelled)


def test_the_check_that_took_blender_along_is_known_afterwards(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "new" / "trail.json")
    seen = []
    finished([check("One", lambda: seen.append(trail.left()) or FINE)], trail=trail)
    assert seen == ["One"], "it is noted before the check begins"
    assert trail.left() == "", "a test that came to its end leaves nothing"
    trail.note("Camera")
    assert Trail(tmp_path / "new" / "trail.json").left() == "Camera"
    (tmp_path / "new" / "trail.json").write_text("torn")
    assert trail.left() == ""


def test_a_cancelled_test_that_ends_late_leaves_the_next_ones_trail_alone(tmp_path: Path) -> None:
    path = tmp_path / "trail.json"
    began, go_on = threading.Event(), threading.Event()

    def hang() -> Finding:
        began.set()
        go_on.wait(10.0)
        return FINE

    first = SelfTest([check("Camera", hang)], NOTHING, trail=Trail(path))
    first.start()
    assert began.wait(10.0)
    first.cancel()
    assert Trail(path).left() == ""
    left = []

    def look() -> Finding:
        go_on.set()
        first._thread.join(10.0)
        left.append(Trail(path).left())
        return FINE

    finished([check("Disk", look)], trail=Trail(path))
    assert left == ["Disk"]


def test_after_a_crash_the_camera_is_opened_in_the_helper_process(root: Path, tmp_path: Path) -> None:
    Trail(tmp_path / "self-test.json").note("Camera")
    told = run_check(make_checks(setup(root, tmp_path), "Camera")[0])
    assert told.outcome == "warning" and "'Camera'" in told.sentence and "Helper Process" in told.advice

    def where(left: str) -> str:
        camera = next(check for check in make_checks(setup(root, tmp_path), left) if check.title == "Camera")
        return camera.run.keywords["where"]  # type: ignore[attr-defined]

    tracker = next(check for check in make_checks(setup(root, tmp_path), "Tracker") if check.title == "Tracker")
    assert run_check(tracker).outcome == "skipped"
    tracker = next(check for check in make_checks(setup(root, tmp_path), "Tracker") if check.title == "Tracker")
    assert run_check(tracker).outcome == "skipped"
    assert where("Camera") == "in the helper process"
    assert where("Disk") == "in this process"


def test_the_camera_comes_last_and_every_title_has_its_place(root: Path, tmp_path: Path) -> None:
    titles = [check.title for check in make_checks(setup(root, tmp_path), "Disk")]
    assert titles[-1] == "Camera"
    assert set(titles) <= set(TITLES)
    assert "Camera" not in [check.title for check in make_checks(setup(root, tmp_path, test_camera=False))]
    assert (root / PICTURE).is_file()


def test_the_whole_without_model_and_camera(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    test = make_self_test(setup(root, tmp_path, test_camera=False), NOTHING, ["Blender"])
    test.start()
    assert test.wait(60.0)
    found = {result.title: result.outcome for result in test.results}
    assert found["Face Model"] == "failure"
    assert found["Tracker"] == found["Helper Process"] == found["Microphone"] == "skipped"
    assert found["Disk"] in ("ok", "warning") and found["Mimica"] == found["Computer"] == "ok"
    assert not (tmp_path / "self-test.json").exists()
    assert test.progress < 1.0, "Blender's own is still to come"


def test_the_report_as_text() -> None:
    test = SelfTest([], NOTHING, ["Camera", "Disk"])
    test.add("Disk", Finding("ok", "Fast.", "", (("user folder", "9 GB free"), ("x", ""))))
    test.add("Camera", Finding("warning", "It is dark " + "and dark " * 20, "Put light on."))
    text = report_text(test.results, when="2026-01-02 03:04 UTC")
    lines = text.splitlines()
    assert lines[:2] == ["Mimica self-test, 2026-01-02 03:04 UTC", "1 warning."]
    assert lines[3] == "WARNING  Camera"
    assert "         What to do: Put light on." in lines
    assert "           user folder  9 GB free" in lines and "           x            unknown" in lines
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((), "All is well."),
        (("ok", "skipped"), "All is well."),
        (("warning", "failure", "warning"), "1 failure and 2 warnings."),
    ],
)
def test_the_summary(outcomes: tuple[str, ...], expected: str) -> None:
    test = SelfTest([], NOTHING)
    for i, outcome in enumerate(outcomes):
        test.add(str(i), Finding(outcome, "So it is."))  # type: ignore[arg-type]
    assert summary(test.results) == expected


def test_the_command_line_prints_the_report(
    root: Path, tmp_path: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "Wilhelmina"
    home.mkdir()
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    broken = home / "face.task"
    broken.write_bytes(b"no model")
    places = Places(root, home / "data")
    assert main(["self-test", "--no-camera", "--model", str(broken)], places=places) == 1
    told = capsys.readouterr().out
    assert "FAILURE  Face Model" in told and "'<home>'" in told
    assert "Wilhelmina" not in told and str(tmp_path) not in told
    out = tmp_path / "report.txt"
    command = ["self-test", "--no-camera", "--model", str(model_path), "--out", str(out)]
    assert main(command, places=places) == 0
    report = out.read_text("utf-8")
    assert "OK       Tracker" in report and "OK       Helper Process" in report and "WARNING  Camera" not in report
    assert main(command, places=places) == 1, "it is there already"


def test_on_the_command_line_an_interrupted_test_leaves_no_trail(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail, go_on = Trail(tmp_path / "self-test.json"), threading.Event()
    made: list[SelfTest] = []

    class Interrupted(SelfTest):
        def wait(self, timeout: float | None = None) -> bool:
            while not trail.left():
                super().wait(0.01)
            raise KeyboardInterrupt

    def hold() -> Finding:
        go_on.wait(10.0)
        return FINE

    def make(setup: Setup, scrub: Scrubber) -> SelfTest:
        made.append(Interrupted([check("Camera", hold)], scrub, trail=trail))
        return made[-1]

    monkeypatch.setattr("mimica.cli.self_test.make_self_test", make)
    try:
        assert main(["self-test"], places=Places(root, tmp_path)) == INTERRUPTED
        assert trail.left() == "" and made[0].cancelled
    finally:
        go_on.set()
