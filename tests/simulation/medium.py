"""A disk in memory as it is behind the kernel: what is there, and what a power cut would leave of it.

Knows what was synced; `cut_power` takes away of the rest what a crash may take, by the rules of
`faults.crash_states`: any part of what was not synced may be missing, torn or stale.
"""

import copy
from collections.abc import Callable, Iterator
from random import Random

from faults.crash_states import leftovers
from faults.recording_disk import Written


class File:
    """An inode: `data` as programs see it; `stable` and `changes` are what a power cut works on.

    Each change since the last sync is the bytes written, or the length that the file was cut to.
    """

    __slots__ = ("changes", "data", "inode", "is_linked", "mtime_s", "stable")

    def __init__(self, inode: int, mtime_s: float) -> None:
        self.inode = inode
        self.data = bytearray()
        self.mtime_s = mtime_s
        self.is_linked = True
        self.stable = b""
        self.changes: list[Written | int] = []

    def write(self, offset: int, data: bytes) -> None:
        """Write to the page cache."""
        if offset > len(self.data):
            self.data.extend(bytes(offset - len(self.data)))
        self.data[offset : offset + len(data)] = data
        self.changes.append(Written(self.inode, offset, data))

    def truncate(self, size: int) -> None:
        """Change the length."""
        _cut(self.data, size)
        self.changes.append(size)

    def sync(self) -> None:
        """Bring to the disk what changed since the last sync; what a failed one dropped is lost."""
        if self.changes:
            left = bytearray(self.stable)
            for change in self.changes:
                _apply(left, change)
            self.stable, self.changes = bytes(left), []

    def settle(self) -> None:
        """Let the disk hold what programs see."""
        self.stable, self.changes = bytes(self.data), []

    def fail_sync(self, random: Random) -> None:
        """Fail as Linux does: what was dirty counts as clean, and may be gone from memory as well."""
        self.stable, self.changes = self._left(random), []
        if random.random() < 0.5:
            size = len(self.data)
            self.data[:] = self.stable
            _cut(self.data, size)

    def cut_power(self, random: Random) -> None:
        """Become what a power cut leaves."""
        if self.changes:
            self.stable, self.changes = self._left(random), []
        if self.data != self.stable:
            self.data[:] = self.stable

    def _left(self, random: Random) -> bytes:
        left = bytearray(self.stable)
        is_orderly = random.random() < 0.2
        for change in self.changes:
            if is_orderly:
                _apply(left, change)
            elif isinstance(change, int):
                if random.random() < 0.5:
                    _apply(left, change)
            else:
                options = leftovers(change)
                if change.offset and not self.stable:
                    # Without a header in front of it, what sectors held before is another log's.
                    options = options[:-1]
                picked = options[random.choice((0, 1, 1, random.randrange(len(options))))]
                if isinstance(picked, Written):
                    _apply(left, picked)
        return bytes(left)


class Directory:
    """Names as programs see them, and those that a power cut leaves for sure."""

    __slots__ = ("changes", "inode", "mtime_s", "names", "stable")

    def __init__(self, inode: int, mtime_s: float) -> None:
        self.inode = inode
        self.mtime_s = mtime_s
        self.names: dict[str, Node] = {}
        self.stable: dict[str, Node] = {}
        self.changes: list[dict[str, Node | None]] = []

    def change(self, names: "dict[str, Node | None]", mtime_s: float) -> None:
        """Let names lead elsewhere, or nowhere, in one step."""
        self.mtime_s = mtime_s
        _rename(self.names, names)
        self.changes.append(names)

    def sync(self) -> None:
        """Bring the names to the disk."""
        if self.changes:
            self.stable, self.changes = dict(self.names), []

    def cut_power(self, random: Random) -> None:
        """Become what a power cut leaves, with all below."""
        for names in self.changes:
            if random.random() < 0.5:
                _rename(self.stable, names)
        self.changes = []
        self.names = dict(self.stable)
        for node in self.names.values():
            node.cut_power(random)


Node = File | Directory


class Medium:
    """One disk. Paths are absolute; there are no links."""

    def __init__(self, now: Callable[[], float], random: Random, *, tick_s: float = 0.0) -> None:
        """`tick_s` is how coarse the times of this file system are."""
        self.random = random
        self.inodes = 1
        self.descriptors = 2
        self.root = Directory(1, 0.0)
        self._now = now
        self._tick_s = tick_s

    def now(self) -> float:
        """Return the time as this file system writes it down."""
        now = self._now()
        return now if not self._tick_s else now // self._tick_s * self._tick_s

    def next_inode(self) -> int:
        """Return a number that no file had."""
        self.inodes += 1
        return self.inodes

    def find(self, path: str) -> Node | None:
        """Return what is at a path, None for nothing."""
        node: Node | None = self.root
        for name in path.split("/"):
            if name:
                if not isinstance(node, Directory):
                    return None
                node = node.names.get(name)
        return node

    def files(self, path: str) -> Iterator[tuple[str, File]]:
        """Yield every file below a path."""
        node = self.find(path)
        if isinstance(node, Directory):
            for name, below in list(node.names.items()):
                if isinstance(below, File):
                    yield f"{path}/{name}", below
                else:
                    yield from self.files(f"{path}/{name}")

    def cut_power(self) -> None:
        """Lose what was not synced, or a part of it."""
        self.root.cut_power(self.random)

    def snapshot(self) -> Directory:
        """Return a copy of all that is there, as a backup has it."""
        return copy.deepcopy(self.root)

    def restore(self, backup: Directory) -> None:
        """Put a copy in the place of all that is there; it is on the disk."""
        self.root = copy.deepcopy(backup)
        _settle(self.root)


def _settle(directory: Directory) -> None:
    directory.stable, directory.changes = dict(directory.names), []
    for node in directory.names.values():
        if isinstance(node, File):
            node.settle()
        else:
            _settle(node)


def _apply(data: bytearray, change: Written | int) -> None:
    if isinstance(change, int):
        _cut(data, change)
        return
    if change.offset > len(data):
        data.extend(bytes(change.offset - len(data)))
    data[change.offset : change.offset + len(change.data)] = change.data


def _cut(data: bytearray, size: int) -> None:
    if size < len(data):
        del data[size:]
    else:
        data.extend(bytes(size - len(data)))


def _rename(names: dict[str, Node], change: "dict[str, Node | None]") -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node
