"""`fingerprint()`: the SHA-256 by which a run says on which data it was trained."""

import os
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from stat import S_ISREG
from typing import Any

from tidelog.datastore.disk import COPY_BYTES, Disk
from tidelog.datastore.text import counted, size_text
from tidelog.sdk.notices import say

READERS_MAX = 8
TOLD_BYTES_MIN = 2_000_000_000
"""From this size on, which takes seconds to read, is it said what takes so long."""

WAITING_MAX = 4096
SIZED_MAX = 1000


class FingerprintError(ValueError):
    """What was given is no data of which a fingerprint can be made."""


def fingerprint(data: object, *, exclude: Sequence[str] | str = (), disk: Disk | None = None) -> str:
    """Return the SHA-256 of data, 64 hexadecimal digits; others can compute it without tidelog.

    A file: of its bytes, as `sha256sum` prints it. Bytes, too.

    A folder: of the text that `sha256sum` prints for all files below it, sorted by name, as in

        find -L . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -- | sha256sum

    that is for each file, sorted by the bytes of its path relative to the folder, its SHA-256, two
    spaces, the path and a newline; a path with a newline, a carriage return or a backslash is written
    with `\\n`, `\\r`, `\\\\`, and its line begins with a backslash. Times, modes and owners do not
    count, nor do empty folders. Symbolic links count as what they lead to, so a folder of links to a
    store is as good as the files themselves. `exclude` leaves out what matches one of some patterns, by
    its relative path or its last part, such as `(".git", "*.tmp")`.

    A NumPy array, or what NumPy takes for one, such as a tensor: of what `numpy.save` writes for it in C
    order, so it is that of the `.npy` file. A list or tuple: of the items' fingerprints, a line each.

    Every byte is read each time; there is no cache, because a digest that is not of the bytes that are
    there is worse than none. Files are read in parallel; Ctrl-C ends it at once. Raises OSError where
    something cannot be read and FingerprintError for what is no data.
    """
    import hashlib  # Loads OpenSSL, which a script that fingerprints nothing need not pay for.

    disk = disk or Disk()
    if isinstance(data, (str, os.PathLike)):
        patterns = [exclude] if isinstance(exclude, str) else list(exclude)
        return _of_path(os.fspath(data), patterns, disk)
    if isinstance(data, (bytes, bytearray, memoryview)):
        return hashlib.sha256(data).hexdigest()
    if isinstance(data, (list, tuple)):
        lines = "".join(f"{fingerprint(item, exclude=exclude, disk=disk)}\n" for item in data)
        return hashlib.sha256(lines.encode()).hexdigest()
    return _of_array(data)


def _of_path(path: str, exclude: Sequence[str], disk: Disk) -> str:
    import hashlib

    if not disk.is_directory(path):
        return _of_file(path, disk, lambda: False)
    names = sorted(_names_below(path, exclude, disk))
    _tell_size(path, names, disk)
    digest = hashlib.sha256()
    for name, sha256 in zip(names, _of_files(path, names, disk), strict=True):
        digest.update(_line(name, sha256))
    return digest.hexdigest()


def _of_files(folder: str, names: Sequence[bytes], disk: Disk) -> Iterator[str]:
    """Yield the SHA-256 of each file, in their order, with several files being read at a time."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    stop = threading.Event()
    readers = ThreadPoolExecutor(min(READERS_MAX, os.cpu_count() or 1), "tidelog-fingerprint")
    try:
        for start in range(0, len(names), WAITING_MAX):
            paths = [os.path.join(folder, os.fsdecode(n)) for n in names[start : start + WAITING_MAX]]
            yield from readers.map(lambda path: _of_file(path, disk, stop.is_set), paths)
    finally:  # Also after Ctrl-C: the readers then end within one block.
        stop.set()
        readers.shutdown(cancel_futures=True)


def _of_file(path: str, disk: Disk, is_stopped: Callable[[], bool]) -> str:
    import hashlib

    digest, offset = hashlib.sha256(), 0
    fd = disk.open(disk.real_path(path))
    try:
        while not is_stopped() and (block := disk.pread(fd, COPY_BYTES, offset)):
            digest.update(block)
            offset += len(block)
    finally:
        disk.close(fd)
    return digest.hexdigest()


def _names_below(folder: str, exclude: Sequence[str], disk: Disk) -> Iterator[bytes]:
    """Yield the relative paths of all files below a folder, through symbolic links."""
    waiting: list[tuple[str, frozenset[str]]] = [("", frozenset())]
    while waiting:
        below, above = waiting.pop()
        place = disk.real_path(os.path.join(folder, below))
        if place in above:
            raise FingerprintError(
                f"{os.path.join(folder, below)} is a link to a folder that it lies in"
            )
        for entry in disk.list(place):
            name = os.path.join(below, entry.name)
            path = os.path.join(folder, name)
            if any(fnmatchcase(n, pattern) for n in (name, entry.name) for pattern in exclude):
                continue
            if entry.is_directory or (not entry.is_file and disk.is_directory(path)):
                waiting.append((name, above | {place}))
            elif entry.is_file or S_ISREG(disk.stat(path).st_mode):
                yield os.fsencode(name)


def _line(name: bytes, sha256: str) -> bytes:
    """Return the line of `sha256sum` for a file."""
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = b"" if escaped == name else b"\\"
    return mark + sha256.encode() + b"  " + escaped + b"\n"


def _of_array(data: Any) -> str:
    """Return the digest of what `numpy.save` writes."""
    if not hasattr(data, "__array__") or hasattr(data, "columns"):
        raise FingerprintError(
            f"a {type(data).__name__} has no fingerprint: give a path, a list of paths, bytes or "
            "an array; of a table, its file"
        )
    import hashlib

    import numpy

    if hasattr(data, "detach"):
        data = data.detach().cpu()
    digest = hashlib.sha256()
    try:
        numpy.save(_Hashing(digest.update), numpy.asarray(data, order="C"), allow_pickle=False)
    except ValueError as error:
        raise FingerprintError(f"an array of Python objects has no fingerprint: {error}") from error
    return digest.hexdigest()


class _Hashing:
    """A file that only hashes what is written to it."""

    def __init__(self, update: Callable[[Any], None]) -> None:
        self.write = update


def _tell_size(path: str, names: Sequence[bytes], disk: Disk) -> None:
    """Say what is read where it takes a while; of many files a few are asked for their sizes."""
    some = names[:: len(names) // SIZED_MAX + 1]
    sizes = [disk.stat(os.path.join(path, os.fsdecode(name))).st_size for name in some]
    size_bytes = sum(sizes) * len(names) / max(1, len(some))
    if size_bytes >= TOLD_BYTES_MIN:
        say(
            f"tidelog: reading {counted(len(names), 'file')}, about {size_text(size_bytes)}, for the "
            f"fingerprint of {path}; Ctrl-C ends it"
        )
