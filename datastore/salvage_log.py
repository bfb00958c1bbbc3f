"""Copies one log anew: all of it that can be read, under a new id. Never writes to the old one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.digest import LogDigest
from tidelog.datastore.disk import Disk
from tidelog.datastore.format import Chunk
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.log_copy import LogCopy
from tidelog.datastore.log_draft import DraftChunk
from tidelog.datastore.log_reader import LogReader, LogWalk
from tidelog.datastore.log_writer import LogWriter
from tidelog.datastore.open_log import OpenLog
from tidelog.datastore.patient_disk import PatientDisk
from tidelog.datastore.salvage_report import SalvagedLog

RANGES_NOTED_MAX = 1000
"""So many damaged ranges are noted in the copy itself; the report has all of them."""


@dataclass(frozen=True, slots=True)
class LogPlan:
    """Which log to copy, where to, and what all logs of the run together tell of it.

    `superseded` holds the ranges `(first, end)` of its chunks that a later log holds again, `new_ids`
    maps the ids of the run's logs to those of their copies, in hexadecimal. `project` is recorded where
    the log's own records name none; "" for nothing.
    """

    path: Path
    target: Path
    new_id: bytes
    superseded: Sequence[tuple[int, int]]
    new_ids: Mapping[str, str]
    project: str = ""


def copy_log(
    plan: LogPlan, *, disk: Disk, clock: Clock, limits: WriterLimits
) -> tuple[SalvagedLog, LogDigest]:
    """Copy what can be read of a log; the copy and its name are on the disk on return.

    Raises what `LogReader` raises, and OSError where the copy cannot be written.
    """
    patient = PatientDisk(disk)
    with closing(LogReader(plan.path, disk=patient)) as reader:
        known_ns = reader.identity.created_ns
        created_ns = int(clock.now() * 1e9) if known_ns is None else known_ns
        copy = LogCopy(
            is_superseded=_superseded(plan, reader),
            new_ids=plan.new_ids,
            origin={"salvaged": {"from": _old_id(reader)}},
            limits=limits,
        )
        log = LogWriter(plan.target, disk=disk, log_id=plan.new_id, created_ns=created_ns)
        with closing(log):
            walk = reader.walk()
            for chunk, content in walk:
                _append(log, copy.take(chunk, content, walk.schemas))
            # At the time of the last record: from it a reader infers whether the writer lives.
            last = copy.digest.last_time
            time = created_ns / 1e9 if last is None else last
            _append(log, copy.end(time, _facts(plan, reader, copy, walk)))
            log.sync()
        return _account(plan, reader, log, copy, walk, patient), copy.digest


def _append(log: LogWriter, chunks: Iterable[DraftChunk]) -> None:
    for chunk_type, payload in chunks:
        log.append(chunk_type, payload)


def _account(
    plan: LogPlan,
    reader: LogReader,
    log: LogWriter,
    copy: LogCopy,
    walk: LogWalk,
    patient: PatientDisk,
) -> SalvagedLog:
    losses, tail = copy.gaps.losses(walk.damage), walk.torn_tail
    return SalvagedLog(
        name=reader.name,
        new_name=plan.target.name,
        log_id=_old_id(reader),
        new_log_id=plan.new_id.hex(),
        bytes=reader.size,
        new_bytes=log.offset,
        chunks=copy.chunks,
        rows=copy.digest.rows_read,
        rows_lost=copy.rows_lost(losses),
        losses=losses,
        torn_tail=None if tail is None else (tail.offset, tail.length),
        unreadable=patient.unreadable,
    )


def _superseded(plan: LogPlan, reader: LogReader) -> Callable[[Chunk], bool] | None:
    if not plan.superseded:
        return None
    log = OpenLog(plan.path.name, reader)
    log.supersede(plan.superseded)
    return log.is_superseded


def _facts(plan: LogPlan, reader: LogReader, copy: LogCopy, walk: LogWalk) -> dict[str, Any]:
    """Return what the copy says of its origin, and the project where nothing else says it."""
    damage, tail = walk.damage, walk.torn_tail
    salvaged: dict[str, Any] = {
        "from": _old_id(reader),
        "damage": [list(found[1:]) for found in damage[:RANGES_NOTED_MAX]],
        "torn_tail": None if tail is None else [tail.offset, tail.length],
    }
    if len(damage) > RANGES_NOTED_MAX:
        salvaged["damaged_ranges"] = len(damage)
    facts: dict[str, Any] = {"salvaged": salvaged}
    if plan.project and "project" not in copy.digest.facts:
        facts["project"] = plan.project
    return facts


def _old_id(reader: LogReader) -> str | None:
    log_id = reader.identity.log_id
    return None if log_id is None else log_id.hex()
