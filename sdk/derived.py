"""run.json and summary.json: copies for human eyes, made from what the log says."""

import os
from collections.abc import Mapping
from typing import Any

from tidelog.datastore.as_json import dumps
from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import RUN_JSON, SUMMARY_JSON


def write_run_json(
    directory: str, facts: Mapping[str, Any], config: Mapping[str, Any], *, disk: Disk
) -> None:
    """Write facts and config. Raises OSError."""
    _write(os.path.join(directory, RUN_JSON), {**facts, "config": dict(config)}, disk)


def write_summary_json(directory: str, summary: Mapping[str, Any], *, disk: Disk) -> None:
    """Write the summary. Raises OSError."""
    _write(os.path.join(directory, SUMMARY_JSON), dict(summary), disk)


def _write(path: str, values: Mapping[str, Any], disk: Disk) -> None:
    text = dumps(values, indent=2)
    disk.replace(path, (text + "\n").encode("utf-8", "backslashreplace"))
