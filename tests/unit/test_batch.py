# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica batch`: what is done, skipped, kept and reported. A small program stands in for the one that does a clip."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mimica.cli import batch, batch_job, batch_report, commands
from mimica.cli.batch_plan import find_clips
from mimica.cli.batch_runners import run_on_dask
from mimica.cli.console import Console
from mimica.cli.failure import CommandError
from mimica.cli.options import make_parser

PROGRAM = """
import json, pathlib, sys, time
clip, arguments = pathlib.Path(sys.argv[2]), sys.argv[3:]
def named(option):
    return pathlib.Path(arguments[arguments.index(option) + 1])
with (clip.parent / "calls").open("a") as file:
    file.write(clip.name + "\\n")
text = clip.read_text() if clip.is_file() else "folder"
named("--output").write_text("half")
if "slow" in text:
    time.sleep(60)
if "silent" in text:
    sys.exit(9)
if "bad" in text:
    print("library: noise")
    print(f"mimica: '{clip.name}' is no video. What was captured until then is in 'x'.", file=sys.stderr)
    sys.exit(1)
for option in ("--output", "--csv", "--take", "--sheet"):
    if option in arguments:
        named(option).write_text(text + " ".join(a for a in arguments if a.startswith("--")))
facts = dict(schema=1, images=60, seconds=2.0, found=0.95, quality=0.8, character="Rig", action=clip.stem,
             first_frame=1, last_frame=61, rate=30.0, curves=10, keys=1234, notes=[])
named("--json").write_text(json.dumps(facts))
"""


@pytest.fixture
def program(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return sys.executable, str(path)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("b.mp4", "a.mov", "said & done.mp4"):
        (folder / name).write_text(name)
    (folder / "notes.txt").write_text("no clip")
    return folder


Batch = Callable[..., int]


@pytest.fixture
def run(clips: Path, tmp_path: Path, program: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Batch:
    """The command on the clips, into `out`, with a model and Blender that are taken for granted."""
    monkeypatch.setattr(batch.scene, "need_blender", lambda: None)
    monkeypatch.setattr(batch, "surroundings", lambda *_, **__: {"mimica": "1", "blender": "5", "model": "abc"})

    def do(*more: object) -> int:
        parser = make_parser("mimica", defaultdict(lambda: lambda *_: 0))
        arguments = parser.parse_args(["batch", str(clips), "--out", str(tmp_path / "out"), *map(str, more)])
        return batch.run_batch(arguments, Console(), tmp_path, tmp_path, program)

    return do


def called(clips: Path) -> list[str]:
    """Which clips were worked on since this was last asked."""
    path = clips / "calls"
    names = sorted(path.read_text().split("\n")[:-1]) if path.exists() else []
    path.unlink(missing_ok=True)
    return names


def hidden(out: Path) -> list[str]:
    return [path.name for path in out.iterdir() if path.name.endswith(".part")]


ALL = ["a.mov", "b.mp4", "said & done.mp4"]


def test_what_counts_as_a_clip_and_what_it_is_called(clips: Path) -> None:
    (clips / "B.mkv").write_text("b again")
    (clips / ".hidden.mp4").write_text("")
    (clips / "empty").mkdir()
    for folder in ("frames", "out"):
        (clips / folder).mkdir()
        (clips / folder / "1.png").write_text("x")
    (clips / "take.mimica").write_text("")
    found = {clip.name: clip.path.name for clip in find_clips(clips, clips / "out")}
    assert found == {
        "B.mkv": "B.mkv",
        "a": "a.mov",
        "b.mp4": "b.mp4",
        "frames": "frames",
        "said & done": "said & done.mp4",
        "take": "take.mimica",
    }
    (clips / "b.mp4.mov").write_text("a name that is taken")
    with pytest.raises(CommandError, match=r"would be called 'b\.mp4'"):
        find_clips(clips, clips / "out")


@pytest.mark.parametrize(("make", "why"), [(True, "no clip in"), (False, "cannot be read")])
def test_nothing_to_do_is_said(tmp_path: Path, make: bool, why: str) -> None:
    folder = tmp_path / "nothing"
    if make:
        folder.mkdir()
    with pytest.raises(CommandError, match=why):
        find_clips(folder, tmp_path / "out")


def test_results_stand_in_a_folder_for_each_clip_and_are_not_made_twice(
    run: Batch, clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert run("--jobs", 2, "--start-frame", 5) == 0
    assert called(clips) == ALL
    assert {path.name for path in (out / "a").iterdir()} == {"a.blend", "a.csv", "a.mimica", "a.png", "batch.json"}
    assert "--start-frame" in (out / "a" / "a.blend").read_text() and not hidden(out)
    report = (out / "report.json").read_bytes()

    assert run("--jobs", 1, "--start-frame", 5) == 0
    assert called(clips) == [] and (out / "report.json").read_bytes() == report
    assert run("--start-frame", 5, "--overwrite") == 0
    assert called(clips) == ALL and (out / "report.json").read_bytes() == report


def test_what_has_changed_or_is_missing_is_done_again(run: Batch, clips: Path, tmp_path: Path) -> None:
    out, character = tmp_path / "out", tmp_path / "ann.blend"
    character.write_text("Ann")
    assert run("--character", character) == 0
    called(clips)
    (clips / "a.mov").write_text("another take")
    (out / "b" / "b.csv").unlink()
    assert run("--character", character) == 0
    assert called(clips) == ["a.mov", "b.mp4"]
    assert (out / "a" / "a.csv").read_text().startswith("another take")
    character.write_text("Ann with a hat")
    assert run("--character", character) == 0
    assert called(clips) == ALL
    assert run("--character", character, "--no-learn", "--no-sheet") == 0
    assert called(clips) == ALL


def test_another_version_does_everything_again(run: Batch, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run() == 0
    called(clips)
    monkeypatch.setattr(batch, "surroundings", lambda *_, **__: {"mimica": "2", "blender": "5", "model": "abc"})
    assert run() == 0
    assert called(clips) == ALL


def test_work_of_the_user_is_not_replaced(run: Batch, clips: Path, tmp_path: Path) -> None:
    """What was edited afterwards stays while nothing else changes, and when something does; so does what was there."""
    out = tmp_path / "out"
    (out / "b").mkdir(parents=True)
    (out / "b" / "b.blend").write_text("mine")
    assert run() == 1
    assert called(clips) == ["a.mov", "said & done.mp4"]
    edited = out / "a" / "a.blend"
    edited.write_text("an hour's work")
    assert run() == 1 and called(clips) == []
    assert run("--no-learn") == 1 and called(clips) == ["said & done.mp4"]
    assert edited.read_text() == "an hour's work" and (out / "b" / "b.blend").read_text() == "mine"
    problems = {clip["name"]: clip["problem"] for clip in json.loads((out / "report.json").read_text())["clips"]}
    assert "'a/a.blend' is not as a batch left it" in problems["a"] and "--overwrite" in problems["b"]
    assert run("--no-learn", "--overwrite") == 0
    assert edited.read_text() != "an hour's work"


def test_an_end_in_the_middle_of_replacing_is_mended(
    run: Batch, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the results are new, half are old: they are neither finished nor the user's."""
    assert run() == 0
    called(clips)
    replace = Path.replace

    def die(path: Path, target: Path) -> Path:
        if path.name == "a.mimica":
            raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", die)
        with pytest.raises(CommandError, match="Interrupted"):
            run("--no-learn", "--jobs", 1)
    out = tmp_path / "out"
    assert "--no-learn" in (out / "a" / "a.blend").read_text()
    assert "--no-learn" not in (out / "a" / "a.mimica").read_text()
    called(clips)
    assert run("--no-learn") == 0
    assert "a.mov" in called(clips) and "--no-learn" in (out / "a" / "a.mimica").read_text()


def test_a_failing_clip_does_not_stop_the_others(
    run: Batch, clips: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (clips / "b.mp4").write_text("bad")
    (clips / "c.mp4").write_text("silent")
    out = tmp_path / "out"
    assert run() == 1
    said = capfd.readouterr()
    assert "b.mp4: 'b.mp4' is no video.\n" in said.err and "problems  2" in said.out
    report = json.loads((out / "report.json").read_text())["clips"]
    assert [clip["name"] for clip in report] == ["a", "b", "c", "said & done"]
    assert [bool(clip["problem"]) for clip in report] == [False, True, True, False]
    assert "code 9" in report[2]["problem"]
    assert not (out / "b").exists() and not hidden(out)
    assert "library: noise" in (out / "b.log").read_text()
    called(clips)
    first = (out / "report.json").read_bytes()
    assert run() == 1
    assert called(clips) == ["b.mp4", "c.mp4"] and (out / "report.json").read_bytes() == first
    (clips / "b.mp4").write_text("good")
    (clips / "c.mp4").unlink()
    assert run() == 0 and not (out / "b.log").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupted_batch_leaves_nothing_unfinished_and_goes_on(
    run: Batch, clips: Path, tmp_path: Path, number: int
) -> None:
    out = tmp_path / "out"
    (clips / "b.mp4").write_text("slow, and the largest file, so that it is begun first")

    def interrupt() -> None:
        limit = time.monotonic() + 20
        while time.monotonic() < limit and not ((out / "a").is_dir() and (out / "said & done").is_dir()):
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    watcher = threading.Thread(target=interrupt)
    watcher.start()
    with pytest.raises(CommandError, match="goes on where") as raised:
        run("--jobs", 2)
    watcher.join()
    assert raised.value.code == 130
    assert not (out / "b").exists() and not hidden(out)
    report = json.loads((out / "report.json").read_text())["clips"]
    assert [clip["problem"] is None for clip in report] == [True, False, True]
    called(clips)
    (clips / "b.mp4").write_text("quick")
    assert run("--jobs", 2) == 0
    assert called(clips) == ["b.mp4"]


def test_two_batches_do_not_mix_and_a_dead_one_holds_no_lock(run: Batch, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = (
        "import pathlib, sys, time\n"
        "from mimica.cli import batch_plan\n"
        f"out = pathlib.Path({str(out)!r})\n"
        "with batch_plan.locked(out):\n"
        "    (batch_plan.begin(out, 'a') / 'a.blend').write_text('half')\n"
        "    print('locked', flush=True)\n"
        "    time.sleep(60)\n"
    )
    root = str(Path(batch.__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), root]))
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "locked\n"
        with pytest.raises(CommandError, match="Another batch is at work"):
            run()
    finally:
        holder.kill()
        holder.communicate()
    assert hidden(out)
    assert run() == 0 and not hidden(out)


class Page(HTMLParser):
    """Collects the rows, the links and the tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append("")
        self.links += [value for name, value in attrs if name in ("href", "src") and value]

    def handle_data(self, data: str) -> None:
        if self.rows:
            self.rows[-1] += f"|{data}"


def test_the_page_shows_every_clip_and_its_files(run: Batch, clips: Path, tmp_path: Path) -> None:
    from urllib.parse import unquote

    (clips / "b.mp4").write_text("bad")
    out = tmp_path / "out"
    assert run() == 1
    page = Page((out / "index.html").read_text(encoding="utf-8"))
    head, *rows = page.rows
    assert len(rows) == 3 and "Face found" in head and "script" not in page.tags
    assert "|a.mov|" in rows[0] and "|2.0 s|61 at 30/s|95%|80%|1 234|" in rows[0]
    assert "is no video." in rows[1] and "said & done.mp4" in rows[2]
    assert "a/a.png" in page.links and "b.log" in page.links
    assert all((out / unquote(link)).is_file() for link in page.links)


@pytest.mark.parametrize(("seconds", "text"), [(12.34, "12.3 s"), (185.0, "3:05"), (3723.2, "1:02:03")])
def test_lengths_as_people_read_them(seconds: float, text: str, tmp_path: Path) -> None:
    facts = {"seconds": seconds, "first_frame": 1, "last_frame": 9, "rate": 25.0, "found": 1.0, "quality": 1.0}
    batch_report.write_report(tmp_path, "t", [batch_report.Entry("a", "a.mp4", facts={**facts, "keys": 1})], 1.0)
    assert f'<td class="number">{text}' in (tmp_path / "index.html").read_text()


def test_wrong_combinations(run: Batch, tmp_path: Path) -> None:
    for more in (("--object", "Ann"), ("--character", tmp_path / "x.blend", "--fps", 24)):
        with pytest.raises(CommandError) as raised:
            run(*more)
        assert raised.value.code == 2
    with pytest.raises(CommandError, match="cannot be read"):
        run("--character", tmp_path / "missing.blend")


def test_takes_need_no_model_and_another_one_changes_nothing_for_them(
    run: Batch, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def around(*_: object, tracking: bool) -> dict[str, str]:
        asked.append(tracking)
        return {"mimica": "1", "blender": "5", **({"model": "abc", "detector": "def"} if tracking else {})}

    monkeypatch.setattr(batch, "surroundings", around)
    for path in clips.iterdir():
        path.unlink()
    (clips / "t.mimica").write_text("take")
    assert run() == 0 and called(clips) == ["t.mimica"]
    (clips / "v.mp4").write_text("video")
    assert run() == 0 and called(clips) == ["v.mp4"]
    assert asked == [False, True]
    assert not (tmp_path / "out" / "t" / "t.mimica").exists()


def test_two_attempts_at_a_job_do_not_share_a_folder(clips: Path, tmp_path: Path, program: tuple[str, ...]) -> None:
    """A worker that was given up may still write when another one has begun."""
    (tmp_path / "job.part").mkdir()
    files = {"--output": "b.blend", "--json": "facts.json"}
    job = batch_job.Job("b", str(clips / "b.mp4"), str(tmp_path / "job.part"), files, (), program)
    first, second = batch_job.run_job(job), batch_job.run_job(job)
    assert not first.problem and not second.problem and first.folder != second.folder
    assert {path.name for path in Path(first.folder).iterdir()} == set(files.values())
    (tmp_path / "job.part").rmdir()
    (clips / "b.mp4").write_text("slow")
    gone = batch_job.run_job(job)
    assert gone.problem == "Interrupted." and not gone.folder and len(list(tmp_path.glob("job-*"))) == 2


def test_without_dask_it_says_what_to_install(run: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CommandError, match=r"pip install mimica\[dask\]") as raised:
        run("--scheduler", "tcp://127.0.0.1:1")
    assert raised.value.code == 3 and not hidden(tmp_path / "out")


def test_a_worker_that_cannot_do_the_jobs_is_told_from_one_that_can(tmp_path: Path, model_path: Path) -> None:
    pytest.importorskip("bpy")
    clip, model = tmp_path / "a.mp4", str(model_path)
    clip.write_text("a")
    here = batch_job.surroundings(model_path, tmp_path, tmp_path, tracking=True)
    assert batch_job.check_worker([str(clip)], str(tmp_path), model, here) == ""
    assert "cannot read" in batch_job.check_worker([str(clip) + "x"], str(tmp_path), model, here)
    assert "cannot write" in batch_job.check_worker([str(clip)], str(tmp_path / "x"), model, here)
    assert "has blender" in batch_job.check_worker([], str(tmp_path), model, {**here, "blender": "1.0"})


def test_a_dask_cluster_does_the_same(run: Batch, clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    (clips / "b.mp4").write_text("bad")
    assert run() == 1
    out = tmp_path / "out"
    alone = (out / "report.json").read_bytes()
    called(clips)
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        with pytest.raises(CommandError, match=r"The worker tcp://.* has |The worker tcp://.* says"):
            run("--scheduler", address, "--overwrite")  # what is taken for granted here is not so there
        assert called(clips) == []
        monkeypatch.setattr(batch, "check_worker", reachable)
        assert run("--scheduler", address, "--overwrite") == 1
        assert called(clips) == ALL and not hidden(out)
        assert (out / "report.json").read_bytes() == alone


def reachable(paths: list[str], folder: str, model: str | None, expected: dict[str, str]) -> str:
    return ""


def test_nobody_answers_at_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("mimica.cli.batch_runners._CONNECT", 0.5)
    with pytest.raises(CommandError, match="No Dask scheduler answers"):
        list(run_on_dask([], "tcp://127.0.0.1:9", lambda: ""))


def test_the_help_and_two_places_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert commands.main(["batch", "--help"]) == 0
    assert "--scheduler" in capfd.readouterr().out
    assert commands.main(["batch", "x", "--out", "y", "--jobs", "2", "--scheduler", "tcp://h:1"]) == 2


def test_jobs_follow_the_cores() -> None:
    assert 1 <= batch.default_jobs() <= (os.cpu_count() or 1)
