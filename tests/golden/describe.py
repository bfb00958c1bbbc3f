"""What a reader finds in a log, as JSON: compared with the file beside each golden log."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tidelog.datastore import Reader
from tidelog.datastore.as_json import plain
from tidelog.datastore.log_reader import LogReader


def describe(path: Path) -> dict[str, Any]:
    reader = LogReader(path)
    log_id = reader.identity.log_id
    reader.close()
    with Reader(path) as run:
        return {
            "log_id": log_id.hex() if log_id is not None else None,
            "id": run.id,
            "config": plain(run.config),
            "summary": plain(run.summary),
            "final": plain(next(iter(run._logs)).digest.final),
            "rows": run.rows,
            "damage": [list(found[1:]) for found in run.damage],
            "torn_tails": [list(found[1:]) for found in run.torn_tails],
            "unknown_records": run.unknown_records,
            "records": [
                {key: value for key, value in plain(asdict(record)).items() if key != "log"}
                for record in run.records()
            ],
        }
