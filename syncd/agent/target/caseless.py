"""Names that some file systems take for one: on FAT, exFAT, NTFS and macOS `a.png` is `A.png`.

Without this check the second would replace the first, and only a comparison of digests would tell.
"""

import os
import unicodedata

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import PlaceTakenError

REMEMBERED_MAX = 65_536


class NameGuard:
    """Refuses a name below one root where another spelling of it is there already."""

    def __init__(self, root: str, *, disk: Disk) -> None:
        self._root = root
        self._disk = disk
        self._is_caseless = False
        self._known: set[str] = set()

    def learn(self, file: str) -> None:
        """Find out, by a file that is there, whether the root's file system tells case apart."""
        other = os.path.join(os.path.dirname(file), os.path.basename(file).upper())
        self._is_caseless = self._disk.is_there(other)

    def check(self, *names: str) -> None:
        """Raise PlaceTakenError where a part of a path is there in another spelling."""
        if not self._is_caseless:
            return
        above = self._root
        for name in names:
            path = os.path.join(above, name)
            if path not in self._known:
                self._check_in(above, name)
                self._remember(path)
            above = path

    def _check_in(self, folder: str, name: str) -> None:
        if not self._disk.is_directory(folder):
            return
        there = [entry.name for entry in self._disk.list(folder)]
        other = next((each for each in there if each != name and _folded(each) == _folded(name)), None)
        if other is not None:
            where = os.path.relpath(folder, self._root)
            raise PlaceTakenError(
                f"the file system of {self._root} takes {name!r} and {other!r} in {where} for one name: "
                "carry one of the two on another disk, or as an archive (`syncd pack`)"
            )

    def _remember(self, path: str) -> None:
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known.add(path)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
