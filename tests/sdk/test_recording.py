import errno
import json
import math
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_files import saved_files
from waiting import PATIENCE_S, until

from tidelog.datastore import Reader
from tidelog.datastore.as_json import plain
from tidelog.datastore.disk import Disk, StrPath
from tidelog.sdk.current import Current
from tidelog.sdk.media.image import Image
from tidelog.sdk.recording import Run


def rows(run: Run) -> list[tuple[int, dict[str, Any]]]:
    """Return what the run holds, once it is in its log: of a slow disk log() awaits no answer."""
    if run._writer is not None and not run._writer._is_closed:
        until(run._writer.sync)
    with Reader(run.dir) as reader:
        return [(r.step or 0, r.data) for r in reader.records() if r.kind == "row"]


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [x for x in capsys.readouterr().err.splitlines() if x.startswith("tidelog: ")]


@pytest.fixture
def run(begin: Any, capsys: pytest.CaptureFixture[str]) -> Run:
    run: Run = begin()
    capsys.readouterr()
    return run


def test_a_row_is_in_the_log_when_log_returns(run: Run) -> None:
    """A reader beside the run finds it, with every value as it was."""
    run.log({"loss": 0.1, "n": 3, "nan": math.nan, "text": "ü", "ok": True, "none": None})
    ((step, data),) = rows(run)
    assert (0, 0.1, 3, "ü", True, None) == (
        step, data["loss"], data["n"], data["text"], data["ok"], data["none"]
    )  # fmt: skip
    assert math.isnan(data["nan"])


def test_the_step_advances_by_one_with_each_commit(run: Run) -> None:
    """`commit=False` records at once and stays; rows of one step are one when they are read."""
    run.log({"a": 1})
    assert 1 == run.step
    run.log({"b": 2}, commit=False)
    assert 1 == run.step
    assert [(0, {"a": 1}), (1, {"b": 2})] == rows(run)
    run.log({"c": 3})
    with Reader(run.dir) as reader:
        history = reader.history()
        assert [0, 1] == list(history["_step"])
        assert (2, 3) == (history["b"][1], history["c"][1])


@pytest.mark.parametrize("step", [5, np.int64(5), 5.0])
def test_a_step_may_be_given_and_may_go_back(run: Run, step: Any) -> None:
    """No row is dropped for its step; the next one is counted from the highest."""
    run.log({"a": 1}, step=step)
    run.log({"a": 2}, step=2)
    run.log({"a": 3})
    run.log({"a": 4}, step=10, commit=False)
    run.log({"a": 5})
    assert [(5, {"a": 1}), (2, {"a": 2}), (6, {"a": 3}), (10, {"a": 4}), (10, {"a": 5})] == rows(run)


BAD = [
    {"x": b"bytes"},
    {"x": object()},
    {"x": np.zeros(100_000)},
    {"x": [0.1] * 100_000},
    {3: 1},
    {"x": 2**64},
    {"x": 1 + 2j},
    {"x": Image(np.zeros(3))},
    {"x": Image("/not/there.png")},
    {"x": "x" * 17_000_000},
]


def test_every_bad_value_is_one_sentence_and_the_loop_goes_on(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind is told once however often it comes; the rest of each row is recorded."""
    for _ in range(3):
        for bad in BAD:
            run.log({"good": 1, **bad})
    told = lines(capsys)
    assert len(told) == len(set(told)) == 7  # Two each are objects, too large, and no images.
    assert [{"good": 1}] * 30 == [data for _, data in rows(run)]
    assert list(range(30)) == [step for step, _ in rows(run)]


@pytest.mark.parametrize("step", [1.5, "7", object(), 2**70])
def test_a_bad_step_is_left_out_and_the_row_is_recorded_at_the_next_one(
    run: Run, step: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence names the step and what to do."""
    run.log({"a": 1})
    run.log({"a": 2}, step=step)
    assert [(0, {"a": 1}), (1, {"a": 2})] == rows(run)
    (line,) = lines(capsys)
    assert "log(step=" in line
    assert "step=int(...)" in line


@pytest.mark.parametrize("data", [None, 7, "loss", [1], object()])
def test_what_is_no_mapping_is_told_and_left_out(
    run: Run, data: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """`log()` takes a dict; nothing else is guessed."""
    run.log(data)
    run.log({"a": 1})
    assert [(0, {"a": 1})] == rows(run)
    assert 1 == len(lines(capsys))


def test_a_row_over_the_limit_of_a_chunk_is_written_in_parts(run: Run) -> None:
    """The parts have one step, so they are one row when they are read."""
    run.log({f"t{i}": "x" * 1_000_000 for i in range(40)})
    run.log({"next": 1})
    assert {0, 1} == {step for step, _ in rows(run)}
    with Reader(run.dir) as reader:
        assert 2 == len(reader.history())
        assert 43 == len(reader.history().keys())


def test_images_are_in_place_before_their_row(run: Run) -> None:
    """Single ones and lists; `Reader.media` finds key, step, path, digest and caption."""
    pixels = np.zeros((4, 4), np.uint8)
    run.log({"one": Image(pixels, caption="7"), "many": [Image(pixels + i) for i in range(3)]}, step=9)
    with Reader(run.dir) as reader:
        media = reader.media("images")
        assert ["one", "many", "many", "many"] == [m.key for m in media]
        assert {9} == {m.step for m in media}
        assert "7" == media[0].caption
        assert all((run.dir / m.path).stat().st_size == m.size for m in media)


def test_config_and_summary_are_recorded_at_once(run: Run) -> None:
    """A summary set by hand wins over what rows say."""
    run.config.update({"lr": np.float32(0.5)})
    run.config.model = {"layers": 2}
    run.log({"acc": 0.1})
    run.summary["acc"] = np.float64(0.9)
    run.log({"acc": 0.2, "loss": 1.0})
    with Reader(run.dir) as reader:
        assert {"lr": 0.5, "model": {"layers": 2}} == reader.config
        assert {"acc": 0.9, "loss": 1.0} == reader.summary
    assert {"acc": 0.9, "loss": 1.0} == run.summary


def test_define_metric_says_how_a_metric_stands_for_the_run(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not known is told, and the rest of the definition counts."""
    run.define_metric("loss", summary="min", step_metric="epoch", goal="minimize")
    run.define_metric("a/*", summary="max,min", hidden=True)
    run.define_metric("b", summary="wat", goal="sideways", strange=1)
    run.define_metric(7)  # type: ignore[arg-type]
    for value in (3.0, 1.0, 2.0):
        run.log({"loss": value, "a/x": value})
    with Reader(run.dir) as reader:
        assert {"loss": 1.0, "a/x": 3.0} == reader.summary
        assert {"step_metric": "epoch", "summary": "min", "goal": "minimize"} == reader.metrics["loss"]
    assert 4 == len(lines(capsys))


def test_save_copies_and_names_files(run: Run, tmp_path: Path) -> None:
    """Policy "end" copies at the end, "live" twice; the ledger has the last state."""
    for name in ("now", "end", "live"):
        (tmp_path / name).write_text("1")
    assert ["files/now"] == run.save(tmp_path / "now")
    assert [] == run.save(str(tmp_path / "end"), policy="end")
    assert ["files/live"] == run.save(str(tmp_path / "live"), policy="live")
    for name in ("now", "end", "live"):
        (tmp_path / name).write_text("22")
    run.finish()
    with Reader(run.dir) as reader:
        assert {"files/now": 1, "files/end": 2, "files/live": 2} == {
            f.path: f.size for f in saved_files(reader)
        }


def test_what_comes_after_finish_is_told_once(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing raises, nothing is written."""
    run.log({"a": 1})
    run.finish()
    capsys.readouterr()
    run.log({"a": 2})
    run.log({"a": np.float32(2)}, step=7)
    run.config["x"] = 1
    run.summary["x"] = 1
    run.define_metric("x")
    assert [] == run.save(__file__)
    run.alert("x")
    run.finish()
    (line,) = lines(capsys)
    assert "after finish()" in line
    assert "sdk.init()" in line
    assert [(0, {"a": 1})] == rows(run)


def test_the_end_of_the_run_is_recorded_with_its_reason(begin: Any) -> None:
    """A with block that is left by an exception fails the run; the exception goes on."""
    with begin() as fine:
        fine.log({"a": 1})
    with pytest.raises(ZeroDivisionError), begin() as failed:
        failed.log({"a": 1 / 0})
    with pytest.raises(KeyboardInterrupt), begin() as stopped:
        raise KeyboardInterrupt
    for run, state, code in ((fine, "finished", 0), (failed, "failed", 1), (stopped, "failed", 130)):
        with Reader(run.dir) as reader:
            assert (state, code) == (reader.state, reader.exit_code)
            assert not reader.torn_tails


def test_the_copies_for_people_say_values_as_datastore_show_does(run: Run) -> None:
    """NaN, the infinities, and what JSON has no word for."""
    run.config["limit"] = math.inf
    run.log({"nan": math.nan, "low": -math.inf})
    run.finish()
    assert "Infinity" == json.loads((run.dir / "run.json").read_text())["config"]["limit"]
    with Reader(run.dir) as reader:
        summary = json.loads((run.dir / "summary.json").read_text())
        assert {"nan": "NaN", "low": "-Infinity"} == summary == plain(reader.summary)


def test_threads_lose_nothing_and_share_no_step(run: Run) -> None:
    """Eight threads log at once: every row is there, each with a step of its own."""

    def work(thread: int) -> None:
        for index in range(500):
            run.log({"thread": thread, "index": index})

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = rows(run)
    assert set(range(4000)) == {step for step, _ in found}
    assert {(t, i) for t in range(8) for i in range(500)} == {
        (d["thread"], d["index"]) for _, d in found
    }


class InterruptedDisk(Disk):
    """A disk in the middle of whose next write a signal handler is called."""

    handler: Callable[[], None] | None = None

    def write(self, fd: int, data: bytes) -> int:
        handler, self.handler = self.handler, None
        if handler is not None:
            handler()
        return super().write(fd, data)


@pytest.mark.parametrize("value", [1.0, np.float32(1)])
@pytest.mark.parametrize("commit", [True, False])
def test_what_a_signal_handler_logs_is_what_it_was_then(
    tmp_path: Path, value: object, *, commit: bool
) -> None:
    """The row waits for the interrupted call, and the handler may change its dict meanwhile."""
    disk = InterruptedDisk()
    arguments = {"project": "p", "dir": tmp_path / "root", "mode": "offline"}
    run = Current(disk=disk, environ={"TIDELOG_MONITOR": "off"}).init(arguments)
    run.lifetime.wait_for_chores(10)

    def handle() -> None:
        data = {"inner": value}
        with run._attempts._deferred._lock:  # The thread that makes the call comes after the change.
            run.log(data, commit=commit)
            data["inner"] = "changed"

    disk.handler = handle
    run.log({"outer": 1})
    for thread in threading.enumerate():
        if thread.name == "tidelog-deferred":
            thread.join(PATIENCE_S)
    assert [{"outer": 1}, {"inner": 1.0}] == [data for _, data in rows(run)]
    run.finish()


class FailingDisk(Disk):
    """A disk that raises `error` at copies of what is called "bad", and counts the others."""

    error: BaseException = RuntimeError("a bug")
    copies = 0

    def copy(self, source: StrPath, path: StrPath, **more: Any) -> None:
        if str(source).endswith("bad"):
            raise self.error
        self.copies += 1
        super().copy(source, path, **more)


@pytest.fixture
def failing(tmp_path: Path) -> tuple[FailingDisk, Run]:
    disk = FailingDisk()
    for name in ("bad", "good"):
        (tmp_path / name).write_text(name)
    arguments = {"project": "p", "dir": tmp_path / "root", "mode": "offline"}
    return disk, Current(disk=disk, environ={"TIDELOG_MONITOR": "off"}).init(arguments)


def test_a_failing_save_at_the_end_stops_neither_the_others_nor_the_end(
    failing: tuple[FailingDisk, Run], tmp_path: Path
) -> None:
    """Each pattern is an attempt of its own, and the log is closed after them."""
    _, run = failing
    run.save(tmp_path / "bad", policy="end")
    run.save(tmp_path / "good", policy="end")
    run.finish()
    with Reader(run.dir) as reader:
        assert ("finished", 0) == (reader.state, reader.exit_code)
        assert ["files/good"] == [f.path for f in saved_files(reader)]


class SilentDisk(Disk):
    """A disk that from some time on answers nobody who asks what is there, as a server that is away."""

    def __init__(self) -> None:
        self.answers, self.copies = threading.Event(), 0
        self.answers.set()

    def is_there(self, path: StrPath) -> bool:
        self.answers.wait(PATIENCE_S)
        return super().is_there(path)

    def copy(self, source: StrPath, path: StrPath, **more: Any) -> None:
        self.copies += 1
        super().copy(source, path, **more)


def test_files_of_the_end_are_left_out_where_the_disk_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To copy them has no bound; the end of the run has one, and tells it."""
    (tmp_path / "model").write_text("weights")
    disk = SilentDisk()
    run = Current(disk=disk, environ={"TIDELOG_MONITOR": "off"}).init(
        {"project": "p", "dir": tmp_path / "root", "mode": "offline"}
    )
    run.lifetime.wait_for_chores(10)
    run.save(tmp_path / "model", policy="end")
    disk.answers.clear()
    run.finish()
    disk.answers.set()
    assert 0 == disk.copies
    assert "copy them by hand" in capsys.readouterr().err
    with Reader(run.dir) as reader:
        assert "finished" == reader.state


class HeldDisk(Disk):
    """A disk that copies nothing before it is let go."""

    def __init__(self) -> None:
        self.is_asked, self.let_go = threading.Event(), threading.Event()

    def copy(self, source: StrPath, path: StrPath, **more: Any) -> None:
        self.is_asked.set()
        assert self.let_go.wait(PATIENCE_S)
        super().copy(source, path, **more)


def test_who_ends_a_run_that_is_being_ended_waits_for_that(tmp_path: Path) -> None:
    """The end of the process, behind the finish() of a thread: else that would be cut off."""
    (tmp_path / "model").write_text("weights")
    disk = HeldDisk()
    current = Current(disk=disk, environ={"TIDELOG_MONITOR": "off"})
    run = current.init({"project": "p", "dir": tmp_path / "root", "mode": "offline"})
    run.save(tmp_path / "model", policy="end")
    threads = [threading.Thread(target=run.finish), threading.Thread(target=current.finish_all)]
    threads[0].start()
    assert disk.is_asked.wait(PATIENCE_S)
    threads[1].start()
    threads[1].join(0.2)
    assert threads[1].is_alive()
    disk.let_go.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    with Reader(run.dir) as reader:
        assert "finished" == reader.state
    run.finish()  # Again is without effect, and without a wait.


def test_ctrl_c_while_files_are_copied_at_the_end_does_not_leave_the_log_open(
    failing: tuple[FailingDisk, Run], tmp_path: Path
) -> None:
    """The interrupt goes on to the script, and the run has its end."""
    disk, run = failing
    disk.error = KeyboardInterrupt()
    run.save(tmp_path / "bad", policy="end")
    with pytest.raises(KeyboardInterrupt):
        run.finish()
    with Reader(run.dir) as reader:
        assert ("finished", 0) == (reader.state, reader.exit_code)


def test_a_file_that_was_saved_live_often_is_copied_once_at_the_end(
    failing: tuple[FailingDisk, Run], tmp_path: Path
) -> None:
    """A loop that saves its checkpoint each epoch does not pay for all of them again."""
    disk, run = failing
    for _ in range(5):
        run.save(tmp_path / "good", policy="live")
    run.finish()
    assert 5 + 1 == disk.copies


class FullDisk(Disk):
    """A disk that takes no whole files any more once `is_full` is set."""

    is_full = False

    def replace(self, path: StrPath, data: bytes, *, mode: int = 0o666) -> None:
        self._require_room(path)
        super().replace(path, data, mode=mode)

    def copy(self, source: StrPath, path: StrPath, **more: Any) -> None:
        self._require_room(path)
        super().copy(source, path, **more)

    def write(self, fd: int, data: bytes) -> int:
        self._require_room("")
        return super().write(fd, data)

    def _require_room(self, path: StrPath) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_a_full_disk_never_reaches_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows wait in memory and are written when there is room; images and files are told and left out."""
    disk = FullDisk()
    current = Current(disk=disk, environ={"TIDELOG_MONITOR": "off"})
    run = current.init({"project": "p", "dir": tmp_path / "root", "mode": "offline"})
    run.lifetime.wait_for_chores(10)
    run.log({"a": 0})
    disk.is_full = True
    for index in range(1, 20):
        run.log({"a": index, "image": Image(np.zeros((2, 2)))})
    run.config["lr"] = 1
    assert [] == run.save(__file__)
    told = lines(capsys)
    assert 1 == sum("'image'" in line for line in told)
    assert 1 == sum("could not copy" in line for line in told)
    assert 1 == sum("cannot be written" in line for line in told)
    disk.is_full = False
    run.finish()
    assert [{"a": index} for index in range(20)] == [data for _, data in rows(run)]
    with Reader(run.dir) as reader:
        assert ("finished", {"lr": 1}) == (reader.state, reader.config)


def test_a_run_says_what_it_is(run: Run) -> None:
    """Id, name, project, directory, mode, step and tags are there to be read."""
    assert (run.id, "p", "offline", 0, False, ()) == (
        run.dir.name, run.project, run.mode, run.step, run.resumed, run.tags
    )  # fmt: skip
    assert repr(run).startswith(f"<Run {run.name} (p/{run.id}), offline, open, step 0>")


def test_a_run_whose_directory_is_gone_looks_at_no_live_file_after_its_end(
    begin: Callable[..., Run], tmp_path: Path
) -> None:
    """What cannot be looked through at the end keeps nothing else from ending."""
    (tmp_path / "model").write_text("weights")
    run = begin()
    run.save(tmp_path / "model", policy="live")
    assert "tidelog-live" in {thread.name for thread in threading.enumerate()}
    shutil.rmtree(run.dir)
    run.finish()
    assert "tidelog-live" not in {thread.name for thread in threading.enumerate()}
