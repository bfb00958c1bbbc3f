"""Which folders the roots mean: a root is a path, or a pattern that is looked up again and again.

A pattern is a path with `*`, `?`, `[...]` or `**` in it. Where a folder of exactly that name is there,
it is meant, and no pattern: folders may have brackets in their names.
"""

import os
import re
from collections.abc import Iterator
from fnmatch import translate
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.patience import DISK_PATIENCE_S, answer_within
from tidelog.syncd.errors import CannotStartError

FOLDERS_MAX = 1000
"""A pattern means so many folders at most; what lies beyond is told as a problem."""
LISTED_MAX = 20_000
"""To find them, so many folders are looked into at most."""
DEPTH_MAX = 4
"""`**` stands for so many folders below each other at most."""

ANY_DEPTH = "**"
_MAGIC = re.compile(r"[*?[]")


class Expansion(NamedTuple):
    """The folders that a root means now, and what stands in the way of finding all of them."""

    folders: list[str]
    problem: str | None = None


def is_pattern(root: str) -> bool:
    """Tell whether a root has a sign of a pattern in it; a folder may have that very name."""
    return _MAGIC.search(root) is not None


def absolute_root(root: str, disk: Disk) -> str:
    """Return a root as it is kept: absolute, and free of symbolic links in front of a pattern.

    One whose disk does not answer within 2 s is kept with its links. Raises CannotStartError for an
    empty one: it is an unset variable of a shell more often than the folder one happens to be in. And
    for an address, which would name a folder below that one.
    """
    if not root.strip():
        raise CannotStartError(f"{root!r} is no folder: name one, or `.` for this one")
    if "://" in root:
        raise CannotStartError(
            f"{root!r} is an address, no folder: a root is a path, `--to` takes those"
        )
    path = os.path.abspath(os.path.expanduser(root))
    try:
        return answer_within(DISK_PATIENCE_S, lambda: _without_links(path, disk))
    except TimeoutError:
        return path


def _without_links(path: str, disk: Disk) -> str:
    if not is_pattern(path) or disk.is_directory(path):
        return disk.real_path(path)
    start, parts = _split(path)
    return os.path.join(disk.real_path(start), *parts)


def expand(root: str, disk: Disk) -> Expansion:
    """Return the folders that a root means: itself, or those that match. None that is there twice."""
    if not is_pattern(root) or disk.is_directory(root):
        return Expansion([root])
    search = _Search(disk)
    start, parts = _split(root)
    found: dict[str, None] = {}
    for path in search.matches(start, parts):
        if len(found) == FOLDERS_MAX:
            return Expansion(list(found), f"more than {FOLDERS_MAX} folders match; the others are left")
        # Two ways to one folder, such as a link beside it, must not upload its runs twice.
        found[disk.real_path(path)] = None
    problem = f"it takes more than {LISTED_MAX} folders to find all that match; make it narrower"
    return Expansion(list(found), problem if search.left < 0 else None)


def start_of(root: str) -> str:
    """Return the folder in front of the pattern: new matches may show there first."""
    return _split(root)[0]


def _split(pattern: str) -> tuple[str, list[str]]:
    """Return the folder in front of the first sign of a pattern, and the names from there on."""
    parts = pattern.split(os.sep)
    first = next((n for n, part in enumerate(parts) if _MAGIC.search(part)), len(parts))
    return os.sep.join(parts[:first]) or os.sep, parts[first:]


class _Search:
    """One search for the matches of a pattern; `left` is how many folders may still be looked into."""

    def __init__(self, disk: Disk) -> None:
        self.left = LISTED_MAX
        self._matched: set[str] = set()
        self._disk = disk

    def matches(self, folder: str, parts: list[str]) -> Iterator[str]:
        """Yield the folders below `folder` that the parts of a pattern lead to."""
        if not parts:
            yield folder
        elif parts[0] == ANY_DEPTH:
            yield from self._at_any_depth(folder, parts[1:], DEPTH_MAX)
        elif _MAGIC.search(parts[0]):
            fits = re.compile(translate(parts[0])).fullmatch
            for name in self._folders(folder, is_hidden=parts[0].startswith("."), through_links=True):
                if fits(name):
                    yield from self.matches(os.path.join(folder, name), parts[1:])
        elif self._disk.is_directory(path := os.path.join(folder, parts[0])):
            yield from self.matches(path, parts[1:])

    def _at_any_depth(self, folder: str, parts: list[str], depth: int) -> Iterator[str]:
        """What is inside a match is its own, and is not searched."""
        for path in self.matches(folder, parts):
            self._matched.add(path)
            yield path
        if folder in self._matched or not depth:
            return
        for name in self._folders(folder, is_hidden=False, through_links=False):
            yield from self._at_any_depth(os.path.join(folder, name), parts, depth - 1)

    def _folders(self, folder: str, *, is_hidden: bool, through_links: bool) -> list[str]:
        self.left -= 1
        if self.left < 0:
            return []
        try:
            entries = self._disk.list(folder)
        except OSError:
            return []  # Somebody else's folder, which matches nothing that we may see.
        return [
            entry.name
            for entry in entries
            if entry.name.startswith(".") == is_hidden
            and (
                entry.is_directory
                or (
                    through_links
                    and not entry.is_file
                    and self._disk.is_directory(os.path.join(folder, entry.name))
                )
            )
        ]
