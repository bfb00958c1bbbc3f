"""A disk that is only read: whatever would change something is refused."""

import io
import os
from typing import Any, NoReturn

from tidelog.datastore.disk import Disk, StrPath


class ReadOnlyDisk(Disk):
    """Refuses with `io.UnsupportedOperation`, an `OSError`, what is no question."""

    def is_link(self, path: StrPath) -> bool:  # noqa: ARG002 - as the door has it
        """Tell that nothing here is a symbolic link."""
        return False

    def real_path(self, path: StrPath) -> str:
        """Return the path itself, for there are no links."""
        return os.fspath(path)

    def is_writable(self, path: StrPath) -> bool:  # noqa: ARG002 - as the door has it
        """Tell that nothing here may be written."""
        return False

    def _refuse(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise io.UnsupportedOperation(f"{self!r} is only read: copy what is on it, to change the copy")

    create = open_update = open_append = write = pwrite = truncate = fdatasync = _refuse
    try_lock = lock = place = sync_file = sync_all = start_writing = _refuse
    replace = replace_all = link = copy = temporary_beside = rename = move = remove = point_link = (
        symlink
    ) = _refuse
    mkdir = make_directory = sync_directory = remove_tree = _refuse
    links = identity = glob = open_text = link_target = room = (
        _refuse  # Questions that file systems elsewhere do not answer.
    )
