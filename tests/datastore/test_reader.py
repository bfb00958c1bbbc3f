"""A run being read: live, resumed, in ranks, damaged, of a newer version: all it tells is true."""

import hashlib
import os
import random
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from log_spec import LOG_ID, TIME, LogSpec, log_of_every_kind

from tidelog.datastore import Reader, Writer, open_root
from tidelog.datastore.disk import Disk, Entry, StrPath
from tidelog.datastore.errors import (
    DamagedLogError,
    NotALogError,
    NotARunError,
    UnsupportedVersionError,
)
from tidelog.datastore.format import FileHeader, encode_file_header
from tidelog.datastore.records import CONFIG, EXIT, METRIC, RUN, SUMMARY


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Iterator[None]:
    before = descriptors()
    yield
    assert before == descriptors()


def run_of(path: Path, **logs: LogSpec) -> Path:
    """A run directory with the named logs; `main_1` is `main.0001.tlog`."""
    path.mkdir(exist_ok=True)
    for name, log in logs.items():
        stream, number = name.split("_")
        (path / f"{stream}.{int(number):04d}.tlog").write_bytes(log.data)
    return path


def plain_rows(first: int, end: int, log_id: bytes = bytes(16)) -> LogSpec:
    log = LogSpec(log_id)
    for step in range(first, end):
        log.row({"i": step}, step=step)
    return log


# -- a live run -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_a_reader_of_a_growing_log_sees_a_prefix_at_every_moment(seed: int, tmp_path: Path) -> None:
    """The file grows by random pieces, in the middle of chunks as well: no damage, nothing twice."""
    print(f"seed {seed}")
    rng = random.Random(seed)
    whole = plain_rows(0, 60).checkpoint().final()
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(whole.data[:40])
    cuts = sorted(rng.sample(range(40, len(whole.data)), 40))
    with Reader(tmp_path, block_bytes=rng.choice([64, 1000, 1 << 20])) as run:
        for cut in [*cuts, len(whole.data)]:
            path.write_bytes(whole.data[:cut])
            rows = min(60, sum(end <= cut for end in whole.ends))
            question = rng.randrange(4)
            if question == 0:
                assert list(range(rows)) == list(run.history().get("i", []))
            if question == 1:
                assert list(range(rows)) == [r.data["i"] for r in run.records() if r.kind == "row"]
            if question == 2:
                assert rows == run.rows
                assert (rows - 1 if rows else None) == run.last_step
            assert [] == run.damage
        assert ("finished", 60, []) == (run.state, run.rows, run.torn_tails)


def test_a_reader_beside_a_writer_sees_a_prefix(tmp_path: Path) -> None:
    """Real appends by another thread; rows never go away and are never out of order."""
    writer = Writer(tmp_path)
    thread = threading.Thread(
        target=lambda: [writer.log_row({"i": i}, step=i) for i in range(3000)] and writer.close()
    )
    thread.start()
    seen = 0
    with Reader(tmp_path) as run:
        while thread.is_alive():
            found = list(run.history().get("i", []))
            assert list(range(len(found))) == found
            assert seen <= len(found)
            seen = len(found)
            assert [] == run.damage
        thread.join()
        assert (3000, "finished") == (run.rows, run.state)


def test_follow_ends_behind_the_final_chunk(tmp_path: Path) -> None:
    """Every record once, in order, as it comes."""
    writer = Writer(tmp_path)
    writer.log_row({"i": 0}, step=0)
    found = []
    with Reader(tmp_path) as run:
        for record in run.follow(interval_s=0.001):
            if record.kind != "row":
                continue
            found.append(record.data["i"])
            if len(found) < 50:
                writer.log_row({"i": len(found)}, step=len(found))
            else:
                writer.close()
        assert (list(range(50)), "finished") == (found, run.state)


def test_follow_ends_when_the_writer_is_dead(tmp_path: Path) -> None:
    """All that the dead process logged is there."""
    code = """
        import os, sys
        from tidelog.datastore import Writer
        writer = Writer(sys.argv[1])
        for i in range(20):
            writer.log_row({"i": i}, step=i)
        print("logged", flush=True)
        sys.stdin.read()
        os._exit(1)
        """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = []
        with Reader(tmp_path) as run:
            assert "running" == run.state
            for record in run.follow(interval_s=0.001):
                found += [record.data["i"]] if record.kind == "row" else []
                if len(found) == 20 and process.poll() is None:
                    process.kill()
                    process.wait()
            assert (list(range(20)), "crashed") == (found, run.state)


def test_follow_goes_on_over_a_resume(tmp_path: Path) -> None:
    """The next process writes the next log while the reader waits."""
    first = Writer(tmp_path)
    first.log_row({"i": 0}, step=0)
    second: list[Writer] = []
    found = []
    with Reader(tmp_path) as run:
        for record in run.follow(interval_s=0.001):
            if record.kind != "row":
                continue
            found.append((record.log, record.data["i"]))
            if not second:
                second.append(Writer(tmp_path))
                second[0].log_row({"i": 1}, step=1)
                first.close()
            else:
                second[0].close(state="failed", exit_code=3)
        assert [("main.0001.tlog", 0), ("main.0002.tlog", 1)] == found
        assert ("failed", 3) == (run.state, run.exit_code)


# -- several logs -----------------------------------------------------------------------------------


def test_the_logs_of_a_stream_are_one_history(tmp_path: Path) -> None:
    """Several lives of a run: rows in the order of the logs, the last life's state and config."""
    first = LogSpec(b"1" * 16).record(CONFIG, TIME, {"lr": 1, "a": 1})
    first.row({"i": 0}, step=0).row({"i": 1}, step=1).record(EXIT, TIME, {"code": 1})
    second = LogSpec(b"2" * 16).record(CONFIG, TIME, {"lr": 2}).row({"i": 2}, step=2)
    second.record(SUMMARY, TIME, {"best": 9}).record(EXIT, TIME, {"code": 0}).final()
    run_of(tmp_path, main_2=second, main_1=first)
    with Reader(tmp_path) as run:
        assert ["main.0001.tlog", "main.0002.tlog"] == run.logs
        assert [0, 1, 2] == list(run.history()["i"])
        assert {"lr": 2, "a": 1} == run.config
        assert {"i": 2, "best": 9} == run.summary
        assert ("finished", 0) == (run.state, run.exit_code)


def test_a_checkpoint_does_not_count_what_a_later_log_holds_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written before anybody knew that these rows would come twice."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    first = LogSpec(bytes(16)).record(METRIC, "b", {"summary": "mean"})
    first.row({"b": 2.0}, step=0).row({"b": 4.0}, step=1).checkpoint()
    again = {"supersedes": [[bytes(16).hex(), 2, 3]]}
    second = LogSpec(b"2" * 16).record(RUN, TIME, again).record(METRIC, "b", {"summary": "mean"})
    second.row({"b": 4.0}, step=1).row({"b": 9.0}, step=2)
    run_of(tmp_path / "r1", main_1=first, main_2=second)
    with Reader(tmp_path / "r1") as run:
        assert ({"b": 5.0}, 3) == (run.summary, run.rows)
    [info] = open_root(tmp_path).runs()
    assert ({"b": 5.0}, 3) == (info.summary, info.rows)


def test_late_data_of_a_resumed_run_joins_the_row_of_its_step(tmp_path: Path) -> None:
    """Also across logs; the same key at the same step is another row."""
    first = LogSpec(b"1" * 16).row({"a": 1}, step=0).row({"a": 2}, step=1)
    second = LogSpec(b"2" * 16).row({"b": 5}, step=1).row({"a": 7}, step=1)
    run_of(tmp_path, main_1=first, main_2=second)
    with Reader(tmp_path) as run:
        history = run.history()
        assert ([0, 1, 1], [1, 2, 7], [None, 5, None]) == tuple(
            list(history[name]) for name in ("_step", "a", "b")
        )


def test_ranks_keep_their_rows_apart_and_main_decides(tmp_path: Path) -> None:
    """Rank 10 comes behind rank 2; the monitor's rows are no part of the history."""
    main = plain_rows(0, 2, b"m" * 16).record(RUN, TIME, {"id": "x", "host": "h0"}).final()
    two = plain_rows(0, 2, b"2" * 16).record(RUN, TIME, {"host": "h2"}).final("failed", 1)
    ten, monitor = plain_rows(5, 6, b"t" * 16), LogSpec(b"o" * 16).row({"cpu": 1.0}, step=0)
    run_of(tmp_path, main_1=main, rank10_1=ten, rank2_1=two, monitor_1=monitor)
    with Reader(tmp_path) as run:
        assert [0, 1, 0, 1, 5] == list(run.history()["i"])
        assert "cpu" not in run.history()
        assert "finished" == run.state
        assert 4 == len(run.logs)


def test_without_a_main_log_any_stream_decides(tmp_path: Path) -> None:
    """As on a machine that holds one rank alone."""
    run_of(tmp_path, rank3_1=plain_rows(0, 1).final("failed", 2))
    with Reader(tmp_path) as run:
        assert "failed" == run.state


def test_a_forked_childs_end_is_not_the_runs(tmp_path: Path) -> None:
    """State and exit code follow the same life."""
    main = plain_rows(0, 1, b"m" * 16).record(EXIT, TIME, {"code": 0}).final()
    child = LogSpec(b"c" * 16).record(RUN, TIME, {"forked_from": (b"m" * 16).hex()})
    child.record(EXIT, TIME, {"code": 9}).final("failed", 9)
    run_of(tmp_path, main_1=main, main_2=child)
    with Reader(tmp_path) as run:
        assert ("finished", 0) == (run.state, run.exit_code)


def test_an_earlier_lifes_exit_is_not_that_of_a_life_that_is_under_way(tmp_path: Path) -> None:
    """A resumed run that has no end yet has no exit code."""
    with_end = plain_rows(0, 1, b"1" * 16).record(EXIT, TIME, {"code": 7}).final("failed", 7)
    run_of(tmp_path, main_1=with_end, main_2=plain_rows(1, 2, b"2" * 16))
    with Reader(tmp_path) as run:
        assert ("unknown", None) == (run.state, run.exit_code)


# -- what a reader tells ----------------------------------------------------------------------------


def test_a_run_is_told_whole(tmp_path: Path) -> None:
    """Metadata, metrics, media, files, times; what the records do not say comes from the names."""
    run_of(tmp_path / "r9", main_1=log_of_every_kind())
    with Reader(tmp_path / "r9") as run:
        assert ("r9", "mnist", "r9") == (run.id, run.project, run.name)
        assert {"summary": "max", "goal": "maximize"} == run.metrics["val/*"]
        assert ["media/images/a_0.png"] * 3 == [media.path for media in run.media("images")]
        assert ("sieben", {"width": 8}) == (run.media()[0].caption, run.media()[0].details)
        assert [] == run.media("audio")
        assert ["files/m.npz"] == [file.path for file in run.files()]
        assert (TIME, TIME) == run.times
        assert 0.98 == run.summary["best"]
    run_of(tmp_path / "p", main_1=plain_rows(0, 1))
    with Reader(tmp_path / "p") as run:
        assert ("p", tmp_path.name, "p") == (run.id, run.project, run.name)
    with Reader(tmp_path / "p" / "main.0001.tlog") as run:
        assert ("p", None, 1) == (run.id, run.project, run.rows)


@pytest.mark.parametrize("path", ["latest", "p/r1", "p/r1/.", "p/r1/media/..", "latest/../r1"])
def test_a_run_has_its_name_by_whatever_path_it_is_reached(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of its directory, not that of a link to it; the same in a listing, and after a chdir."""
    (tmp_path / "p").mkdir()
    run_of(tmp_path / "p" / "r1", main_1=plain_rows(0, 1))
    (tmp_path / "p" / "r1" / "media").mkdir()
    (tmp_path / "latest").symlink_to("p/r1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with Reader(path) as run, Reader(f"{path}/main.0001.tlog") as log:
        monkeypatch.chdir("/")
        assert ("r1", "p", "r1", 1) == (run.id, run.project, run.name, run.rows)
        assert ("r1", 1) == (log.id, log.rows)
    monkeypatch.chdir(tmp_path)
    assert [("r1", "p", Path(path))] == [(run.id, run.project, run.path) for run in open_root(path)]
    monkeypatch.chdir(path)
    assert ["r1"] == [run.id for run in open_root(".")]


def test_a_reader_stays_with_its_run_when_a_link_moves_on(tmp_path: Path) -> None:
    """`latest` leads to the next run while this one is still read."""
    run_of(tmp_path / "r1", main_1=plain_rows(0, 1))
    run_of(tmp_path / "r2", main_1=plain_rows(5, 9), main_2=plain_rows(9, 12))
    (tmp_path / "latest").symlink_to("r1")
    with Reader(tmp_path / "latest") as run:
        (tmp_path / "latest").unlink()
        (tmp_path / "latest").symlink_to("r2")
        assert ("r1", ["main.0001.tlog"], [0]) == (run.id, run.logs, list(run.history()["_step"]))


def test_history_takes_names_and_patterns(tmp_path: Path) -> None:
    """Step and time are always there; a metric that no row has is a KeyError with the names."""
    log = LogSpec().row({"val/a": 1.0, "val/b": None, "[x]": 3}, step=0)
    log.record(METRIC, "val/a", {}).row({"val/a": 2.0}, step=5)
    with Reader(run_of(tmp_path, main_1=log)) as run:
        assert ["_step", "_time", "val/a", "val/b"] == run.history(["val/*"]).keys()
        assert ["_step", "_time", "[x]"] == run.history("[x]").keys()
        assert ["_step", "_time"] == run.history(["no"]).keys()
        series = run.metric("val/a")
        assert ([0, 5], [1.0, 2.0]) == (list(series.step), list(series.value))
        assert [] == list(run.metric("val/b").value)
        with pytest.raises(KeyError, match=r"has 'loss'; there are: val/a, val/b"):
            run.metric("loss")


def test_an_empty_run_has_no_rows(tmp_path: Path) -> None:
    """A header alone: a writer that died after its first write."""
    with Reader(run_of(tmp_path, main_1=LogSpec())) as run:
        assert (0, 0, None, None, {}, "unknown") == (
            len(run.history()),
            run.rows,
            run.last_step,
            run.times,
            run.summary,
            run.state,
        )


def test_a_log_whose_header_is_not_there_yet_is_no_error_in_a_run(tmp_path: Path) -> None:
    """Between create and the first write; once it is written the reader has it."""
    run_of(tmp_path, main_1=plain_rows(0, 2, b"1" * 16))
    later = tmp_path / "main.0002.tlog"
    later.write_bytes(b"TIDE")
    with Reader(tmp_path) as run:
        assert (2, [("main.0002.tlog", 0, 4)]) == (run.rows, [tuple(t) for t in run.torn_tails])
        later.write_bytes(plain_rows(2, 4, b"2" * 16).data)
        assert (4, []) == (run.rows, run.torn_tails)
    later.write_bytes(b"PK" * 50)
    with Reader(tmp_path) as run:
        assert [("main.0002.tlog", 0, 100, 1)] == [tuple(damage) for damage in run.damage]


# -- what it refuses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recovery", "tail", "damage"),
    [("skip_damage", True, True), ("tolerate_tail", True, False), ("strict", False, False)],
)
def test_the_modes_of_recovery(recovery: Any, tail: bool, damage: bool, tmp_path: Path) -> None:
    """What each accepts; the message names the place and the mode that goes on."""
    log = plain_rows(0, 5)
    torn, damaged = tmp_path / "torn.tlog", tmp_path / "damaged.tlog"
    torn.write_bytes(log.data[:-3])
    damaged.write_bytes(log.data[: log.starts[2] + 21] + b"\xff" + log.data[log.starts[2] + 22 :])
    for path, is_fine, rows, says in (
        (torn, tail, 4, f"at offset {log.starts[4]}; read it with recovery='tolerate_tail'"),
        (damaged, damage, 4, f"at offset {log.starts[2]}, 1 chunks lost"),
    ):
        with Reader(path, recovery=recovery) as run:
            if is_fine:
                assert rows == len(run.history()["i"])
                continue
            for ask in (lambda run=run: list(run.records()), run.history, lambda run=run: run.damage):
                with pytest.raises(DamagedLogError, match=says):
                    ask()


def test_an_unknown_recovery_is_refused(tmp_path: Path) -> None:
    """With the choice."""
    with pytest.raises(ValueError, match=r"'lenient' is none of skip_damage, tolerate_tail, strict"):
        Reader(tmp_path, recovery="lenient")  # type: ignore[arg-type]


def test_a_path_that_is_no_run_is_refused_and_leaves_nothing_open(tmp_path: Path) -> None:
    """Each with its own error; the fixture counts descriptors."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.tlog").write_bytes(b"x" * 99)
    newer = run_of(tmp_path / "newer", main_1=plain_rows(0, 1))
    (newer / "main.0002.tlog").write_bytes(encode_file_header(FileHeader(bytes(16), 0, 2)))
    for path, error in (
        (tmp_path / "missing", NotARunError),
        (tmp_path / "empty", NotARunError),
        (tmp_path / "bad.tlog", NotALogError),
        (newer, UnsupportedVersionError),
    ):
        with pytest.raises(error, match=path.name if path is not newer else "main.0002.tlog"):
            Reader(path)


class BrokenDisk(Disk):
    """A disk whose files cannot be read from some offset on."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        if offset + size > self.offset:
            raise OSError(5, "Input/output error")
        return super().pread(fd, size, offset)


@pytest.mark.parametrize("offset", [10, 60, 500])
def test_a_disk_that_cannot_be_read_is_an_oserror_and_leaves_nothing_open(
    offset: int, tmp_path: Path
) -> None:
    """It is no damage: another try may succeed. The error names the log, of many that are read."""
    run_of(tmp_path, main_1=plain_rows(0, 50))

    def read() -> None:
        with Reader(tmp_path, disk=BrokenDisk(offset), block_bytes=64) as run:
            run.history()

    with pytest.raises(OSError, match=f"Input/output error: '{tmp_path}/main.0001.tlog'"):
        read()


def test_a_closed_reader_tells_what_it_knew(tmp_path: Path) -> None:
    """And closing again is without effect."""
    run_of(tmp_path, main_1=plain_rows(0, 3).final())
    run = Reader(tmp_path)
    assert 3 == run.rows
    run.close()
    run.close()
    assert (3, {"i": 2}, "finished") == (run.rows, run.summary, run.state)


def test_a_forked_child_does_not_have_the_last_word(tmp_path: Path) -> None:
    """Its log comes second and its rows come before the parent's last one."""
    parent, child = LogSpec(), LogSpec(log_id=bytes(16))
    parent.row({"a": 1}, step=0).row({"a": 3}, step=1)
    child.record(RUN, TIME, {"forked_from": LOG_ID.hex()}).row({"a": "child"}, step=1)
    run_of(tmp_path / "r", main_1=parent, main_2=child)
    with Reader(tmp_path / "r") as run:
        assert {"a": 3} == run.summary


def test_step_and_time_keep_their_meaning_whatever_is_logged(tmp_path: Path) -> None:
    """`_step` and `_time` are the reader's; a value of that name is in the records."""
    log = LogSpec().row({"a": 1}, step=0).row({"_step": 99, "_time": 5, "a": 2}, step=7)
    run_of(tmp_path / "r", main_1=log)
    with Reader(tmp_path / "r") as run:
        assert [0, 7] == list(run.history()["_step"])
        assert [TIME, TIME] == list(run.history()["_time"])
        assert [99] == list(run.metric("_step").value)


def test_a_metric_may_be_the_exception_from_a_pattern(tmp_path: Path) -> None:
    """`last` is kept as a rule where a pattern says otherwise."""
    log = LogSpec().record(METRIC, "*", {"summary": "min"}).record(METRIC, "loss", {"summary": "last"})
    log.row({"loss": 1, "other": 1}, step=0).row({"loss": 5, "other": 5}, step=1)
    run_of(tmp_path / "r", main_1=log)
    with Reader(tmp_path / "r") as run:
        assert {"loss": 5, "other": 1} == run.summary


class VanishingDisk(Disk):
    """Lists a log that is gone by the time it is opened."""

    def list(self, path: StrPath) -> list[Entry]:
        return [*super().list(path), Entry("main.0002.tlog", is_directory=False, is_file=True)]


def test_a_log_that_is_removed_between_listing_and_opening_is_not_there(tmp_path: Path) -> None:
    """A writer whose disk takes no header removes the file again."""
    writer = Writer(tmp_path)
    writer.log_row({"i": 0}, step=0)
    writer.close()
    with Reader(tmp_path, disk=VanishingDisk()) as run:
        assert (["main.0001.tlog"], 1, []) == (run.logs, run.rows, run.damage)


STREAMS = [
    ("main.0001.tlog", [0, 1]),
    ("main.0002.tlog", [1, 2]),
    ("main.0003.tlog", [3]),
    ("rank1.0001.tlog", [0, 1]),
    ("rank2.0001.tlog", [5]),
    ("rank10.0001.tlog", [6]),
    ("monitor.0001.tlog", [0]),
]


def log_of(name: str, steps: list[int]) -> bytes:
    log = LogSpec(log_id=hashlib.md5(name.encode()).digest())
    log.record(RUN, TIME, {"id": "r"})
    for step in steps:
        log.row({name.split(".")[0]: step}, step=step)
    return log.data


@pytest.mark.parametrize("seed", range(8))
def test_the_logs_of_a_run_are_read_in_order_whatever_order_they_arrive_in(
    tmp_path: Path, seed: int
) -> None:
    """Also by a reader that is open while they come; what is missing meanwhile is said."""
    arriving = STREAMS[:]
    random.Random(seed).shuffle(arriving)
    first, steps = arriving.pop()
    (tmp_path / first).write_bytes(log_of(first, steps))
    with Reader(tmp_path) as run:
        here = {first}
        while True:
            in_order = [name for name, _ in STREAMS if name in here]
            assert in_order == run.logs
            assert in_order == list(dict.fromkeys(record.log for record in run.records()))
            highest = max((name for name in here if name.startswith("main")), default="")
            gone = {name for name, _ in STREAMS if name.startswith("main") and name < highest} - here
            assert sorted(gone) == run.missing_logs
            steps_of_main = [step for name in in_order for step in dict(STREAMS)[name] if "main" in name]
            assert sorted(set(steps_of_main)) == sorted(
                {
                    record.step
                    for record in run.records()
                    if "main" in record.data and record.step is not None
                }
            )
            if not arriving:
                break
            name, steps = arriving.pop()
            (tmp_path / name).write_bytes(log_of(name, steps))
            here.add(name)
        assert [] == run.missing_logs
        history = run.history()
        assert [0, 1, 1, 2, 3, 0, 1, 5, 6] == list(history["_step"])
        assert "monitor" not in history
