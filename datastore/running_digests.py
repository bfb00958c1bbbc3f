"""The SHA-256 of files that arrive in parts, carried on from part to part. No I/O.

What is not known here, for another process began it, has to be read again.
"""

import hashlib
import threading
from collections import OrderedDict

REMEMBERED_MAX = 64


class RunningDigests:
    """For each name how many bytes were hashed, and their digest so far. One caller a name at a time."""

    def __init__(self, *, remembered_max: int = REMEMBERED_MAX) -> None:
        self._running: OrderedDict[str, tuple[int, hashlib._Hash]] = OrderedDict()
        self._remembered_max = remembered_max
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<RunningDigests of {len(self._running)} files>"

    def carry_on(self, name: str, data: bytes, *, offset: int) -> None:
        """Take a part into account; one at offset 0 begins anew, one that leaves a gap is forgotten."""
        hashed, sha256 = self._take(name)
        if offset == 0:
            hashed, sha256 = 0, hashlib.sha256()
        if hashed != offset:
            return
        sha256.update(data)
        with self._lock:
            self._running[name] = (offset + len(data), sha256)
            if len(self._running) > self._remembered_max:
                self._running.popitem(last=False)

    def take(self, name: str, *, size: int) -> str | None:
        """Return the digest in hexadecimal where just so many bytes were hashed, and forget it."""
        hashed, sha256 = self._take(name)
        return sha256.hexdigest() if hashed == size > 0 else None

    def _take(self, name: str) -> "tuple[int, hashlib._Hash]":
        with self._lock:
            return self._running.pop(name, (0, hashlib.sha256()))
