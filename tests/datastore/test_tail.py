"""The outline of a log, from its end and from all of it."""

import os
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_spec import TIME, LogSpec
from reading_disk import ReadingDisk

from tidelog.datastore import Reader, Writer, WriterLimits
from tidelog.datastore.digest import LogDigest
from tidelog.datastore.format import CHECKPOINT, FINAL
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.outline import LogOutline
from tidelog.datastore.tail import TAIL_BYTES, read_tail

TINY = WriterLimits(checkpoint_bytes_min=200, checkpoint_growth=1)

OUTLINE = (
    *("facts", "config", "metrics", "files", "supersedes", "ending", "final"),
    *("rows", "last_step", "first_time", "last_time"),
)


def said(outline: LogOutline) -> dict[str, Any]:
    return {name: getattr(outline, name) for name in OUTLINE} | {"summary": outline.summary.values()}


def whole(path: Path) -> dict[str, Any]:
    log = LogReader(path)
    digest, walk = LogDigest(), log.walk()
    for chunk, content in walk:
        digest.take(chunk, content, walk.schemas)
    log.close()
    return said(digest)


def tail_of(path: Path) -> dict[str, Any] | None:
    log = LogReader(path)
    tail = read_tail(log)
    log.close()
    return None if tail is None else said(tail.outline)


values = st.one_of(st.integers(-5, 5), st.floats(-1, 1), st.text(max_size=3), st.none())
calls = st.one_of(
    st.tuples(st.just("log_row"), st.dictionaries(st.sampled_from("abc"), values, min_size=1)),
    st.tuples(st.just("log_config"), st.dictionaries(st.sampled_from("xy"), values)),
    st.tuples(st.just("log_summary"), st.dictionaries(st.sampled_from("ab"), values)),
    st.tuples(st.just("log_run"), st.dictionaries(st.sampled_from(["tags", "notes"]), values)),
    st.tuples(
        st.just("define_metric"),
        st.tuples(st.sampled_from("abc"), st.sampled_from(["min", "mean", "first", "none"])),
    ),
    st.tuples(st.just("log_file"), st.sampled_from(["files/a", "files/b"])),
    st.tuples(st.just("log_console"), st.just("hello\n")),
)


def write(
    directory: Path, script: list[Any], *, durability: Any = "process", closes: bool = True
) -> Path:
    """Write a run with many checkpoints; where it is not closed, it ends as after a SIGKILL."""
    directory.mkdir()
    writer = Writer(directory, durability=durability, limits=TINY)
    for step, (call, argument) in enumerate(script):
        if call == "log_row":
            writer.log_row(argument, step=step, time=TIME + step)
        elif call == "define_metric":
            writer.define_metric(argument[0], {"summary": argument[1]})
        elif call == "log_file":
            writer.log_file({"path": argument, "size": step, "sha256": "ab" * 32})
        elif call == "log_console":
            writer.log_console("stdout", argument)
        else:
            getattr(writer, call)(argument)
    path = directory / "main.0001.tlog"
    if closes:
        writer.close(state="failed", exit_code=3)
    else:
        writer.sync()
        data = path.read_bytes()
        writer.close()
        path.write_bytes(data)
    return path


@settings(max_examples=150)
@given(st.lists(calls, min_size=1, max_size=60), st.booleans(), st.sampled_from(["process", "buffered"]))
def test_the_end_of_a_log_says_what_all_of_it_says(
    tmp_path_factory: pytest.TempPathFactory, script: list[Any], closes: bool, durability: str
) -> None:
    """Whatever was logged, in whatever order, with or without an end."""
    directory = tmp_path_factory.mktemp("tail") / "r1"
    path = write(directory, script, durability=durability, closes=closes)
    assert tail_of(path) in (whole(path), None)
    assert tail_of(path) is not None or not closes


def test_a_long_log_is_read_at_its_end_alone(tmp_path: Path) -> None:
    """Its bytes between are not read, nor are they for what is asked again."""
    writer = Writer(tmp_path)
    writer.log_config({"lr": 0.1})
    for step in range(20_000):
        writer.log_row({"loss": 1 / (step + 1), "n": step}, step=step)
        if step == 10_000:
            writer.log_config({"late": True})
    writer.close()
    path, disk = tmp_path / "main.0001.tlog", ReadingDisk()
    log = LogReader(path, disk=disk)
    tail = read_tail(log)
    assert tail is not None
    assert whole(path) == said(tail.outline)
    assert {"lr": 0.1, "late": True} == tail.outline.config
    assert disk.bytes_read < 64 * 1024 < path.stat().st_size / 10
    log.close()


def test_a_torn_tail_is_no_hindrance(tmp_path: Path) -> None:
    """The end of a crashed run tells as much."""
    path = write(tmp_path / "r", [("log_row", {"a": n}) for n in range(50)])
    path.write_bytes(path.read_bytes()[:-3])
    assert tail_of(path) == whole(path)
    assert tail_of(path) is not None


def test_no_flipped_bit_makes_the_end_of_a_log_lie(tmp_path: Path) -> None:
    """Where damage is not read, a checkpoint counts what was lost; where it is, all is read."""
    rows = [("log_row", {"a": n}) for n in range(30)]
    path = write(tmp_path / "r", [("log_config", {"x": 1}), *rows, ("log_config", {"x": 2})])
    sound, data = tail_of(path), path.read_bytes()
    assert sound is not None
    for at in range(40, len(data)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << (at % 8)
        path.write_bytes(flipped)
        told = tail_of(path)
        assert told in (sound, whole(path), None), at


CHECKPOINT_AT = 117


@pytest.mark.parametrize(
    "lie",
    [
        {"notes": "x"},
        {"notes": [41]},
        {"notes": [10**9]},
        {"notes": [-1]},
        {"notes": [True]},
        {"noted": 10**9},
        {"noted": 40},
        {"notes": [CHECKPOINT_AT]},
        {"notes": [40, 40]},
        {"notes": [40, 41]},
        {"noted": None},
    ],
)
def test_a_checkpoint_that_points_at_lies_is_not_believed(tmp_path: Path, lie: dict[str, Any]) -> None:
    """All of the log is read then."""
    log = LogSpec().record(2, TIME, {"id": "r"}).row({"a": 1}, step=0)
    assert CHECKPOINT_AT == len(log.data)
    content = {"schemas": [], "summary": {}, "notes": [40], "noted": 0, "last_time": TIME}
    path = tmp_path / "main.0001.tlog"
    log.chunk(CHECKPOINT, msgpack.packb(content))
    path.write_bytes(log.data)
    assert tail_of(path) is not None
    log.chunk(CHECKPOINT, msgpack.packb({**content, **lie}))
    path.write_bytes(log.data)
    assert tail_of(path) is None


def test_a_chain_of_checkpoints_that_leads_in_a_circle_ends(tmp_path: Path) -> None:
    """Each must name one that lies before it."""
    log = LogSpec().record(2, TIME, {"id": "r"})
    at = len(log.data)
    content = {"schemas": [], "summary": {}, "notes": [40], "noted": at, "last_time": TIME}
    log.chunk(CHECKPOINT, msgpack.packb(content)).chunk(FINAL, msgpack.packb(content))
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(log.data)
    assert tail_of(path) is None


def test_a_row_that_holds_the_bytes_of_a_checkpoint_is_a_row(tmp_path: Path) -> None:
    """What follows such a row does not follow from the checkpoint in it."""
    log = LogSpec().record(2, TIME, {"id": "r"}).row({"a": 1}, step=0)
    content = {"schemas": [], "summary": {"a": 7}, "notes": [40], "noted": 0, "last_time": TIME}
    at = len(log.data)
    log.chunk(CHECKPOINT, msgpack.packb(content))
    log.row({"b": log.data[at:]}, step=1)
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(log.row({"a": 2}, step=2).data)
    assert tail_of(path) is None
    assert 2 == whole(path)["summary"]["a"]


def test_a_log_that_ends_in_too_much_else_is_read_whole(tmp_path: Path) -> None:
    """The search for a checkpoint ends: room that a file system made in advance may be any size."""
    log = LogSpec().record(2, TIME, {"id": "r"}).row({"a": 1}, step=0)
    content = {"schemas": [], "summary": {}, "notes": [40], "noted": 0, "last_time": TIME}
    log.chunk(CHECKPOINT, msgpack.packb(content))
    path, disk = tmp_path / "main.0001.tlog", ReadingDisk()
    path.write_bytes(log.data)
    with path.open("r+b") as file:
        file.truncate(TAIL_BYTES[-1] + 2**20)
    reader = LogReader(path, disk=disk)
    assert read_tail(reader) is None
    assert disk.bytes_read < 2 * TAIL_BYTES[-1]
    reader.close()
    assert 1 == whole(path)["rows"]


@pytest.mark.parametrize("size", [0, 10, 40])
def test_a_log_that_is_cut_below_its_header_while_it_is_open_has_nothing(
    size: int, tmp_path: Path
) -> None:
    """Somebody cuts it before anything was asked; nothing raises, there are no rows."""
    writer = Writer(tmp_path)
    writer.log_row({"a": 1}, step=0)
    writer.close()
    with Reader(tmp_path) as run:
        os.truncate(writer.path, size)
        assert ({}, 0) == (run.summary, run.rows)
