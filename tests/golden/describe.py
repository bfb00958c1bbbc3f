"""What a reader finds in a log or a run, as JSON: compared with the file beside each golden one.

Keys may be added, as long as those in the files of before stay what they are.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from log_spec import TIME

from tidelog.datastore import DatastoreError, Reader
from tidelog.datastore.as_json import plain
from tidelog.datastore.check import check_run
from tidelog.datastore.clock import Clock
from tidelog.datastore.log_reader import LogReader


class MinutesLater(Clock):
    """A clock that shows a time at which the golden logs' writers may still live."""

    def now(self) -> float:
        return TIME + 120


def describe_log(path: Path) -> dict[str, Any]:
    """Return what a log is on its own, and what a reader says of it as a run."""
    reader = LogReader(path)
    log_id = reader.identity.log_id
    reader.close()
    with Reader(path) as run:
        final = plain(next(iter(run._logs)).digest.final)
    return {"log_id": log_id.hex() if log_id is not None else None, "final": final, **describe(path)}


def describe_refusal(path: Path) -> dict[str, Any]:
    """Return which error a file gives; its words may become better."""
    try:
        Reader(path).close()
    except DatastoreError as error:
        return {"error": type(error).__name__}
    return {"error": None}


def describe(path: Path) -> dict[str, Any]:
    """Return all that a reader says of a log or of a run directory."""
    with Reader(path, clock=MinutesLater()) as run:
        history = run.history()
        return {
            "id": run.id,
            "project": run.project if path.is_file() else None,
            "config": plain(run.config),
            "metadata": plain(run.metadata),
            "metrics": plain(run.metrics),
            "summary": plain(run.summary),
            "state": run.state,
            "exit_code": run.exit_code,
            "last_step": run.last_step,
            "times": plain(run.times),
            "logs": run.logs if path.is_dir() else [],
            "missing_logs": run.missing_logs,
            "rows": run.rows,
            "damage": [list(found[1:]) for found in run.damage],
            "torn_tails": [list(found[1:]) for found in run.torn_tails],
            "unknown_records": run.unknown_records,
            "media": plain([media._asdict() for media in run.media()]),
            "files": plain([file._asdict() for file in run.files()]),
            "is_whole": check_run(path).is_whole,
            "history": {name: plain(column.tolist()) for name, column in history.items()},
            "records": [
                {
                    key: value
                    for key, value in plain(asdict(record)).items()
                    if key != "log" or path.is_dir()
                }
                for record in run.records()
            ],
        }
