"""Logs whose every CRC is right and whose content is not what a tidelog writes."""

import os
import time
from pathlib import Path
from typing import Any

import msgpack
import pytest
from log_spec import TIME, LogSpec

from tidelog.datastore import DamagedLogError, NotALogError, Reader
from tidelog.datastore.format import CHECKPOINT, RECORDS
from tidelog.datastore.summary import Summary

ROW = ([0, 0, ["a"]], [1, 0, 0, TIME, 5])


def records(*found: list[Any]) -> tuple[int, bytes]:
    return RECORDS, b"".join(map(msgpack.packb, found))


def checkpoint(content: dict[Any, Any]) -> tuple[int, bytes]:
    return CHECKPOINT, msgpack.packb(content)


def read(directory: Path, *chunks: tuple[int, bytes]) -> tuple[list[Any], list[int]]:
    """Ask everything of a log of these chunks; return its rows, and the offsets of its damage."""
    log = LogSpec()
    for chunk in chunks:
        log.chunk(*chunk)
    (directory / "main.0001.tlog").write_bytes(log.data)
    with Reader(directory) as run:
        rows = [record.data for record in run.records() if record.kind == "row"]
        assert run.state in ("running", "crashed", "unknown")
        assert run.summary is not None
        assert {len(run.history())} == {len(column) for column in run.history().values()}
        return rows, [log.starts.index(damage.offset) for damage in run.damage]


@pytest.mark.parametrize("entry", [5, "x", None, {}, [], [0], [0, "ab"], [0, [1]], [0, ["a", "a"]]])
def test_a_checkpoint_whose_schemas_are_none_is_damage(entry: object, tmp_path: Path) -> None:
    """The chunk is lost, what was there before it is read."""
    assert ([{"a": 5}], [1]) == read(tmp_path, records(*ROW), checkpoint({"schemas": [entry]}))


def test_a_schema_id_that_comes_again_with_other_names_is_damage(tmp_path: Path) -> None:
    """An id is never given twice; the rows of the first are read."""
    other = [0, 0, ["a", "b"]]
    assert ([], [0]) == read(tmp_path, records(*ROW, other))
    assert ([{"a": 5}], [1]) == read(tmp_path, records(*ROW), records(other, [1, 0, 1, TIME, 5, 6]))
    assert ([{"a": 5}], [1]) == read(tmp_path, records(*ROW), checkpoint({"schemas": [other[1:]]}))


def test_a_schema_that_names_a_value_twice_is_damage(tmp_path: Path) -> None:
    """Its columns would be of different lengths."""
    assert ([], [0]) == read(tmp_path, records([0, 0, ["a", "a"]], [1, 0, 0, TIME, 5, 6]))


@pytest.mark.parametrize("mean", [[-1, 5], [0, 0], [1], "x", [True, 1]])
def test_a_mean_that_no_writer_computed_is_left_out(mean: object, tmp_path: Path) -> None:
    """Reading goes on from nothing instead."""
    metric = [5, "a", {"summary": "mean"}]
    chunks = [records(metric), checkpoint({"summary": {}, "means": {"a": mean}}), records(*ROW)]
    assert ([{"a": 5}], []) == read(tmp_path, *chunks)


def test_a_summary_whose_keys_are_no_strings_is_left_out(tmp_path: Path) -> None:
    """Names of metrics are strings."""
    chunks = [records([5, "a*", {"summary": "max"}]), checkpoint({"summary": {5: 1}}), records(*ROW)]
    assert ([{"a": 5}], []) == read(tmp_path, *chunks)


@pytest.mark.parametrize("pid", [2**62, 0, -1, -(2**40)])
def test_a_pid_that_no_process_has_is_dead(pid: int, tmp_path: Path) -> None:
    """0 and below would name process groups, and what pid_t does not hold nothing at all."""
    facts = {"host": os.uname().nodename, "pid": pid, "pid_started": None}
    log = LogSpec().record(2, TIME, facts)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    with Reader(tmp_path) as run:
        assert "crashed" == run.state


def test_a_pattern_of_many_stars_is_matched_in_linear_time() -> None:
    """What a regular expression would try for hours."""
    summary = Summary()
    summary.define("a*" * 30 + "b", {"summary": "max"})
    began = time.process_time()
    summary.observe({"a" * 5000: 1})
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("pattern", "key", "is_matched"),
    [
        ("val/*", "val/acc", True),
        ("val/*", "val", False),
        ("*", "", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*/x/*", "p/x/q", True),
        ("a*b*c", "abxc", True),
        ("a*b*c", "acb", False),
        ("a.*", "ab", False),
    ],
)
def test_a_star_stands_for_anything_and_nothing_else_does(
    pattern: str, key: str, is_matched: bool
) -> None:
    """`define_metric` patterns."""
    summary = Summary()
    summary.define(pattern, {"summary": "max"})
    summary.observe({key: 2})
    summary.observe({key: 1})
    assert {key: 2 if is_matched else 1} == summary.values()


@pytest.mark.parametrize("head", [b"\xd1\x54\x01\x00", b"\xd1\x54\x01\x00\x00\x00\x0f\x00"])
def test_a_file_full_of_markers_is_told_from_a_log_in_bounded_time(head: bytes, tmp_path: Path) -> None:
    """Each marker could be the first chunk of a log that lost its header."""
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(head * (4_000_000 // len(head)))
    began = time.process_time()
    with pytest.raises(NotALogError):
        Reader(path)
    assert time.process_time() - began < 10


def test_a_schema_that_is_lost_for_good_is_sought_once(tmp_path: Path) -> None:
    """One scan ahead serves all rows that lack it: 20,000 are damage within seconds."""
    log = LogSpec()
    for step in range(20_000):
        log.row({"a": step}, step=step)
    data = bytearray(log.data)
    for end in log.ends[:2]:
        data[end - 1] ^= 1
    (tmp_path / "main.0001.tlog").write_bytes(data)
    began = time.process_time()
    with Reader(tmp_path) as run:
        assert 0 == run.rows
        assert 20_000 == sum(damage.chunks for damage in run.damage)
    assert time.process_time() - began < 10


def test_a_name_that_is_not_how_a_log_is_called_is_no_log(tmp_path: Path) -> None:
    """A number is written in one way only, so that two files never mean one log."""
    log = LogSpec().row({"a": 1}, step=0)
    (tmp_path / "main.0001.tlog").write_bytes(log.data)
    (tmp_path / "main.00001.tlog").write_bytes(log.data)
    with Reader(tmp_path) as run:
        assert ["main.0001.tlog"] == run.logs


@pytest.mark.parametrize("end", ["header", "payload"])
def test_damage_is_refused_as_often_as_it_is_asked_for(end: str, tmp_path: Path) -> None:
    """A second question never takes a log with a gap for whole."""
    log = LogSpec()
    for step in range(9):
        log.row({"a": step}, step=step)
    data = bytearray(log.data)
    data[log.starts[4] + 5 if end == "header" else log.ends[4] - 1] ^= 1
    (tmp_path / "main.0001.tlog").write_bytes(data)
    with Reader(tmp_path, recovery="tolerate_tail") as run:
        for ask in (lambda: run.rows, lambda: run.rows, run.history, run.history, lambda: run.summary):
            with pytest.raises(DamagedLogError, match="1 chunks lost"):
                ask()
