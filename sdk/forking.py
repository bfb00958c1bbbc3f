"""A fork: a run that begins with the rows of another one, up to a step."""

import os
from collections.abc import Iterator
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.datastore.layout import MAIN, LogName
from tidelog.datastore.reader import Reader
from tidelog.datastore.records import media_within
from tidelog.datastore.writer import Writer
from tidelog.sdk.earlier import Earlier
from tidelog.sdk.notices import Notices
from tidelog.sdk.run_plan import Plan


def copy_rows(plan: Plan, writer: Writer, *, disk: Disk, notices: Notices) -> Earlier:
    """Write the rows of the run that `plan` forks from, with their media, and say where to go on.

    Times and steps stay as they were; the summary is computed anew. A run that cannot be read is told,
    and the fork begins without its rows.
    """
    run_id, last_step = plan.fork_from or ("", 0)
    source = os.path.join(plan.root, plan.project, run_id)
    try:
        with Reader(source, disk=disk) as parent:
            config = parent.config
            writer.log_config(config)
            for name, definition in parent.metrics.items():
                writer.define_metric(name, definition)
            for step, time, row in _rows_until(parent, last_step):
                for media in media_within(row.values()):
                    _copy_file(source, plan.directory, media.path, disk)
                writer.log_row(row, step=step, time=time)
    except (DatastoreError, OSError) as error:
        notices.tell(
            "fork_from", f"{source} cannot be forked ({error}): the run begins without its rows"
        )
        return Earlier()
    return Earlier(next_step=last_step + 1, config=config)


def _rows_until(parent: Reader, last_step: int) -> Iterator[tuple[int, float | None, dict[str, Any]]]:
    for record in parent.records():
        log = LogName.parse(record.log)
        is_main = log is not None and log.stream == MAIN
        if record.kind == "row" and is_main and record.step is not None and record.step <= last_step:
            yield record.step, record.time, record.data


def _copy_file(source: str, directory: str, path: str, disk: Disk) -> None:
    target = os.path.join(directory, path)
    if not disk.is_there(target):
        disk.make_directory(os.path.dirname(target))
        disk.copy(os.path.join(source, path), target)
