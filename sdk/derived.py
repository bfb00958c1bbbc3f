"""run.json and summary.json: copies for human eyes, made from what the log says."""

import os
from collections.abc import Mapping
from typing import Any

from tidelog.datastore.as_json import dumps
from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import RUN_JSON, SUMMARY_JSON
from tidelog.sdk.notices import Notices


def write_run_json(
    directory: str, facts: Mapping[str, Any], config: Mapping[str, Any], *, disk: Disk
) -> None:
    """Write facts and config. Raises OSError."""
    _write(os.path.join(directory, RUN_JSON), {**facts, "config": dict(config)}, disk)


def write_summary_json(directory: str, summary: Mapping[str, Any], *, disk: Disk) -> None:
    """Write the summary. Raises OSError."""
    _write(os.path.join(directory, SUMMARY_JSON), dict(summary), disk)


def write_derived(
    directory: str,
    *,
    facts: Mapping[str, Any],
    config: Mapping[str, Any],
    summary: Mapping[str, Any],
    disk: Disk,
    notices: Notices,
) -> None:
    """Write both at the end of a run; a disk that does not take them, or does not answer, is told."""
    from tidelog.datastore.patience import DISK_PATIENCE_S, answer_within

    def write() -> None:
        write_summary_json(directory, summary, disk=disk)
        write_run_json(directory, facts, config, disk=disk)

    try:
        answer_within(DISK_PATIENCE_S, write)
    except OSError as error:
        notices.tell(
            "derived",
            f"run.json and summary.json of {directory} could not be written: {error}; they are copies, "
            "for people to read, of what the log holds",
        )


def _write(path: str, values: Mapping[str, Any], disk: Disk) -> None:
    text = dumps(values, indent=2)
    disk.replace(path, (text + "\n").encode("utf-8", "backslashreplace"))
