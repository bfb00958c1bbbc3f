"""What the address of a request names: a run, a log, a file. No I/O.

Names are taken from the raw path, so that `%2F` and `..` stay inside their segment and meet the grammar
of names there.
"""

from typing import NamedTuple

from tidelog.datastore.names import check_name
from tidelog.datastore.places import check_log_name, check_upload_path
from tidelog.syncd.protocol import KEYS_PATH, decode_segment

PREFIX = "/v1/projects/"

# For the router. A name may hold braces, which aiohttp's own pattern for a segment leaves out.
RUN_ROUTE = "/v1/projects/{project:[^/]+}/runs/{run:[^/]+}"
HELD_ROUTE = "/v1/projects/{project:[^/]+}/runs:held"
LOG_ROUTE = RUN_ROUTE + "/logs/{log:[^/]+}"
OVERVIEW_ROUTE = RUN_ROUTE + "/overview"
HISTORY_ROUTE = RUN_ROUTE + "/history"
MEDIA_ROUTE = RUN_ROUTE + "/media"
MISSING_ROUTE = RUN_ROUTE + "/files:missing"
BATCH_ROUTE = RUN_ROUTE + "/files:batch"
RESTORE_ROUTE = RUN_ROUTE + "/restore"
SHARES_ROUTE = RUN_ROUTE + "/shares"
SHARE_END_ROUTE = SHARES_ROUTE + "/{share:[0-9a-f]{12}}/revoke"
KEY_ROUTE = KEYS_PATH + "/{id:[0-9a-f]{12}}"
FILE_ROUTE = RUN_ROUTE + "/files/{path:(?s:.+)}"

_NAMES_AT = len(PREFIX.split("/")) - 1


class RunAddress(NamedTuple):
    """A run, by names that passed the grammar."""

    project: str
    run: str


class LogAddress(NamedTuple):
    """A log, by names that passed the grammar."""

    project: str
    run: str
    log: str


class FileAddress(NamedTuple):
    """A file of a run, by names that passed the grammar."""

    project: str
    run: str
    path: str


def project_of(raw_path: str) -> str | None:
    """Return the project that a path is about, None where it is about none."""
    if not raw_path.startswith(PREFIX):
        return None
    return check_name("project", decode_segment(raw_path.split("/")[_NAMES_AT]))


def run_of(raw_path: str) -> RunAddress:
    """Return the run of `/v1/projects/{project}/runs/{run}...`.

    `files:missing` and `files:batch` hang on a run's address too.
    """
    segments = raw_path.split("/")
    project, run = segments[_NAMES_AT], segments[_NAMES_AT + 2]
    return RunAddress(
        check_name("project", decode_segment(project)), check_name("run", decode_segment(run))
    )


def log_of(raw_path: str) -> LogAddress:
    """Return the log of `.../runs/{run}/logs/{log}`."""
    log = raw_path.split("/")[_NAMES_AT + 4]
    return LogAddress(*run_of(raw_path), check_log_name(decode_segment(log)))


def file_of(raw_path: str) -> FileAddress:
    """Return the file of `.../runs/{run}/files/{path}`."""
    parts = raw_path.split("/")[_NAMES_AT + 4 :]
    # Each part on its own first: an encoded slash must not make two of one.
    names = [check_name("the file path's part", decode_segment(part)) for part in parts]
    return FileAddress(*run_of(raw_path), check_upload_path("/".join(names)))
