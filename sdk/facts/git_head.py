"""Which commit is checked out, read from `.git` itself: where git is missing, hangs or refuses to tell.

Git refuses for a folder of another user ("dubious ownership") because to run it there could run that
user's programs. To read two small files runs nothing.
"""

import os
import re
from typing import Any

from tidelog.datastore.disk import Disk

SMALL_FILE_BYTES_MAX = 4096
PACKED_REFS_BYTES_MAX = 16 * 1024 * 1024

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def find_checkout(directory: str, *, disk: Disk) -> str | None:
    """Return the folder at or above `directory` that has a `.git`, None where there is none."""
    above = os.path.abspath(directory)
    while not disk.is_there(os.path.join(above, ".git")):
        above, below = os.path.dirname(above), above
        if above == below:
            return None
    return above


def read_head(checkout: str, *, disk: Disk) -> dict[str, Any]:
    """Return commit and branch of a checkout or a worktree, None where they cannot be read."""
    try:
        folder = _git_folder(checkout, disk)
        head = _read(os.path.join(folder, "HEAD"), disk)
        if not head.startswith("ref: "):
            return {"commit": _commit(head), "branch": None}
        reference = head.removeprefix("ref: ")
        branch = reference.removeprefix("refs/heads/")
        return {"commit": _resolve(folder, reference, disk), "branch": branch}
    except (OSError, ValueError):
        return {"commit": None, "branch": None}


def _git_folder(checkout: str, disk: Disk) -> str:
    """Return where HEAD is: `.git` is a file in worktrees and submodules."""
    path = os.path.join(checkout, ".git")
    if disk.is_directory(path):
        return path
    return os.path.join(checkout, _read(path, disk).removeprefix("gitdir: "))


def _resolve(folder: str, reference: str, disk: Disk) -> str | None:
    common = folder
    if disk.is_file(os.path.join(folder, "commondir")):  # A worktree: branches are the repository's.
        common = os.path.join(folder, _read(os.path.join(folder, "commondir"), disk))
    if disk.is_file(os.path.join(common, *reference.split("/"))):
        return _commit(_read(os.path.join(common, *reference.split("/")), disk))
    packed = _read(os.path.join(common, "packed-refs"), disk, PACKED_REFS_BYTES_MAX)
    named = re.search(rf"^(\w+) {re.escape(reference)}$", packed, re.MULTILINE)
    return None if named is None else _commit(named[1])


def _read(path: str, disk: Disk, bytes_max: int = SMALL_FILE_BYTES_MAX) -> str:
    return disk.read_start(path, bytes_max).decode().strip()


def _commit(text: str) -> str | None:
    return text if _COMMIT.fullmatch(text) else None
