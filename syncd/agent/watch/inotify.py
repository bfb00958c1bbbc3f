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


class Watch:
    """A folder that is watched, until it `is_gone`; another one may be there by then."""

    def __init__(self, path: str, heard: Callable[[str], None], overflowed: Callable[[], None]) -> None:
        self.is_gone = False
        self._path = path
        self._heard = heard
        self._overflowed = overflowed

    def on_event(self, event: InotifyEvent) -> None:  # noqa: ARG002 - where, not what
        """Pass on that something happened in the folder."""
        self._heard(self._path)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:  # noqa: ARG002 - each has one
        """Note that the folder is gone, and pass that on."""
        self.is_gone = True
        self._heard(self._path)

    def on_queue_overflow(self) -> None:
        """Pass on that events were dropped."""
        self._overflowed()


class Inotify:
    """Tells of events in watched folders, from a thread of its own. Folders may come from any thread."""

    def __init__(self) -> None:
        """Open an instance. Raises OSError where the account has too many, or the system has none."""
        self.is_used_up = False
        """Whether no more watches were to be had when one was asked for last."""
        self._numbers: dict[Watch, WatchDescriptor] = {}
        self._fd = InotifyFD()
        self._fd.start()

    @property
    def watch_count(self) -> int:
        """How many folders are watched."""
        return len(self._numbers)

    def add(self, path: str, heard: Callable[[str], None], overflowed: Callable[[], None]) -> Watch:
        """Call `heard(path)` for each event in a folder from now on. Raises OSError."""
        watch = Watch(path, heard, overflowed)
        number = self._fd.add_callback(os.fsencode(path), _CHANGES, watch, CallbackId(id(watch)))
        if number == -1:  # watchdog passes EACCES over.
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        self._numbers[watch] = number
        self.is_used_up = False
        return watch

    def remove(self, watch: Watch) -> None:
        """Watch a folder no more; one that is gone is fine."""
        number = self._numbers.pop(watch)
        if not watch.is_gone:
            self._fd.remove_callbacks([(number, CallbackId(id(watch)))])

    def close(self) -> None:
        """Watch nothing more."""
        self._fd.stop()
        self._fd.join()
