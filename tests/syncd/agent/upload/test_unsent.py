"""Rows behind a cursor: counted where they can be, estimated where not."""

import math
import os
from pathlib import Path

import pytest
from log_spec import TIME
from run_spec import RunSpec

from tidelog.datastore.disk import Disk
from tidelog.datastore.records import ROW
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.unsent import NOT_LOOKED_AT, Unsent, count_unsent


def count(run: RunSpec, cursor: Cursor | None = None, bytes_max: int = 1 << 20) -> tuple[Unsent, int]:
    path = str(run.path / run.name)
    return count_unsent(path, cursor, os.path.getsize(path), disk=Disk(), bytes_max=bytes_max)


def cursor_at(run: RunSpec, chunk: int) -> Cursor:
    return Cursor(run.log.data[8:24].hex(), run.log.ends[chunk], chunk + 1)


def test_rows_behind_a_cursor_are_counted_and_other_records_are_not(tmp_path: Path) -> None:
    """A schema, a run and a torn tail are no rows; the first row's own time comes along."""
    run = RunSpec(tmp_path).rows(20)
    assert (Unsent(20, is_exact=True, first_time=TIME), len(run.log.data) - 40) == count(run)
    behind, _ = count(run, cursor_at(run, len(run.log.ends) - 6))
    assert Unsent(5, is_exact=True, first_time=TIME) == behind
    assert 19 == count(run.tear(3))[0].rows


def test_nothing_is_behind_the_end(tmp_path: Path) -> None:
    """Zero, and exactly."""
    run = RunSpec(tmp_path).rows(3)
    assert (Unsent(0, is_exact=True, first_time=None), 0) == count(
        run, cursor_at(run, len(run.log.ends) - 1)
    )


def test_more_than_may_be_read_is_estimated_from_what_was(tmp_path: Path) -> None:
    """And says so; the bytes read are bounded."""
    run = RunSpec(tmp_path).rows(2000)
    unsent, read_bytes = count(run, bytes_max=10_000)
    assert (False, 10_000) == (unsent.is_exact, read_bytes)
    assert 1700 < unsent.rows < 2300


def test_damage_costs_its_own_rows_alone(tmp_path: Path) -> None:
    """The rest is counted, as a reader would."""
    run = RunSpec(tmp_path).rows(20).damage(9)
    assert Unsent(19, is_exact=True, first_time=TIME) == count(run)[0]


@pytest.mark.parametrize("time", ["noon", None, math.nan])
def test_a_row_without_a_time_is_counted_all_the_same(tmp_path: Path, time: object) -> None:
    """A sound chunk of another writer may hold anything; a status is written with its other rows."""
    run = RunSpec(tmp_path)
    run.log.record(ROW, 0, 0, time)
    assert Unsent(1, is_exact=True, first_time=None) == count(run.flush())[0]


def test_what_cannot_be_read_is_not_looked_at(tmp_path: Path) -> None:
    """A log that is gone, one that is none, and another one than that of the cursor."""
    run = RunSpec(tmp_path).rows(5)
    assert NOT_LOOKED_AT == count(run, Cursor("00" * 16, 100, 2))[0]
    (run.path / run.name).write_bytes(b"x" * 500)
    assert NOT_LOOKED_AT == count(run)[0]
    gone = str(tmp_path / "gone.tlog")
    assert (NOT_LOOKED_AT, 0) == count_unsent(gone, None, 10, disk=Disk(), bytes_max=1)
