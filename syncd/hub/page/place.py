"""What the address of a page names: a run, a file of it, a share link. No I/O.

As with the API, names are taken from the raw path, so that `%2F` and `..` stay inside their segment and
meet the grammar of names there.
"""

from typing import Final

from tidelog.datastore.names import check_name
from tidelog.datastore.places import check_upload_path
from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.hub.web.address import FileAddress, RunAddress
from tidelog.syncd.protocol import decode_segment, encode_segment

RUN_PAGE: Final = "/runs/{project:[^/]+}/{run:[^/]+}"
SHARED_PAGE: Final = "/share/{secret:[A-Za-z0-9_-]{43}}"
FILES: Final = "/files/{path:[^?]+}"
SHARES: Final = "/shares"
ONE_SHARE: Final = "/shares/{share:[0-9a-f]{12}}/revoke"

_RUN_SEGMENTS: Final = 4
_SHARE_SEGMENTS: Final = 3


def run_page(run: RunAddress) -> str:
    """Return the address of a run's page."""
    return f"/runs/{encode_segment(run.project)}/{encode_segment(run.run)}"


def shared_page(secret: str) -> str:
    """Return the address of the page that a share link opens."""
    return f"/share/{secret}"


def file_below(page: str, path: str) -> str:
    """Return the address of a file below the page of its run."""
    return f"{page}/files/{'/'.join(encode_segment(part) for part in path.split('/'))}"


def run_of_page(raw_path: str) -> RunAddress:
    """Return the run of `/runs/{project}/{run}...`. Raises ProtocolError where it names none."""
    segments = raw_path.split("/")
    if segments[1] != "runs" or len(segments) < _RUN_SEGMENTS:
        raise ProtocolError(f"the address {raw_path!r} is none of a run, letter by letter")
    project, run = segments[2:_RUN_SEGMENTS]
    return RunAddress(
        check_name("project", decode_segment(project)), check_name("run", decode_segment(run))
    )


def file_of_page(raw_path: str) -> FileAddress:
    """Return the file of `/runs/{project}/{run}/files/{path}`."""
    run = run_of_page(raw_path)
    return FileAddress(*run, _path_of(raw_path.split("/")[_RUN_SEGMENTS:]))


def shared_file(raw_path: str, run: RunAddress) -> FileAddress:
    """Return the file of `/share/{secret}/files/{path}`, a link to `run`."""
    return FileAddress(*run, _path_of(raw_path.split("/")[_SHARE_SEGMENTS:]))


def _path_of(segments: list[str]) -> str:
    files, *parts = segments
    if files != "files":
        raise ProtocolError(f"the address names {files!r} where `files` is expected")
    # Each part on its own first: an encoded slash must not make two of one.
    names = [check_name("the file path's part", decode_segment(part)) for part in parts]
    return check_upload_path("/".join(names))
