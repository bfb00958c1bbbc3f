"""Asks the hub that serves a data folder for a new index; needs nothing of the hub for that."""

import os
from collections.abc import Callable

from tidelog.datastore.disk import Disk, StrPath
from tidelog.syncd.hub.own_folder import HUB_DIRECTORY, REINDEX_REQUEST


def ask_for_rebuild(data: StrPath, *, disk: Disk) -> Callable[[], bool]:
    """Ask the hub that serves a data folder for a new index; return what tells whether it is made."""
    request = os.path.join(os.path.abspath(data), HUB_DIRECTORY, REINDEX_REQUEST)
    disk.place(request, b"")
    return lambda: not disk.is_there(request)
