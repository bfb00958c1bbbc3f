"""inotify(7) on Linux, through the part of watchdog that reads it: one thread for all folders.

watchdog's `Observer` has a thread for each folder, and tells nobody of a queue that ran over.
"""

import errno
import os
from collections.abc import Callable

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

_CHANGES = Mask(
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_MOVE_SELF
    | InotifyConstants.IN_ONLYDIR
)
"""All that can change a folder's time, or put another folder in its place."""


class Inotify:
    """Calls `heard(path)` for an event in a watched folder, from a thread of its own."""

    def __init__(self, heard: Callable[[str], None], overflowed: Callable[[], None]) -> None:
        """Open an instance. Raises OSError where the account has too many, or the system has none."""
        self._heard = heard
        self._overflowed = overflowed
        self._callbacks: dict[str, _Callback] = {}
        self._fd = InotifyFD()
        self._fd.start()

    def add(self, path: str) -> int:
        """Watch a folder and return the watch's number. Raises OSError."""
        callback = _Callback(path, self._heard, self._overflowed)
        wd = self._fd.add_callback(os.fsencode(path), _CHANGES, callback, CallbackId(id(callback)))
        if wd == -1:  # watchdog passes EACCES over.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        self._callbacks[path] = callback
        return wd

    def remove(self, path: str, watch: int) -> None:
        """Watch a folder no more; one that is gone is fine."""
        callback = self._callbacks.pop(path)
        if not callback.is_gone:
            self._fd.remove_callbacks([(WatchDescriptor(watch), CallbackId(id(callback)))])

    def is_gone(self, path: str) -> bool:
        """Tell whether a folder that was watched is gone; another one may be there by now."""
        return self._callbacks[path].is_gone

    def close(self) -> None:
        """Watch nothing more."""
        self._fd.stop()
        self._fd.join()


class _Callback:
    """What watchdog calls for one folder."""

    def __init__(self, path: str, heard: Callable[[str], None], overflowed: Callable[[], None]) -> None:
        self.is_gone = False
        self._path = path
        self._heard = heard
        self._overflowed = overflowed

    def on_event(self, event: InotifyEvent) -> None:  # noqa: ARG002 - where, not what
        self._heard(self._path)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:  # noqa: ARG002 - each has one
        self.is_gone = True
        self._heard(self._path)

    def on_queue_overflow(self) -> None:
        self._overflowed()
