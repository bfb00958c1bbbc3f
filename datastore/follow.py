"""Waiting for a run that is being written: until something changes in its directory, or for good.

Events are hints, and come only where the file system tells of every writer: on a network file system, or
before the first event proved that they arrive, the directory is looked at again and again.
"""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.filesystems import filesystem_of, is_network
from tidelog.datastore.state import State

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

FOLLOW_INTERVAL_S = 0.05
"""How often a directory is looked at that no event is known to come from."""

QUIET_INTERVAL_S = 1.0
"""How often one is looked at that tells of itself."""

SLICE_RECORDS = 256
"""An event loop gets its turn after so many records."""


class Ending:
    """Decides when a run that is followed is over."""

    def __init__(self, clock: Clock, resume_patience_s: float) -> None:
        self._clock = clock
        self._patience_s = resume_patience_s
        self._ended_at: float | None = None

    def is_reached(self, state: State) -> bool:
        """Tell whether a run in this state, of which all was read, gets no more records."""
        if state == "finished":
            return True
        if state not in ("failed", "crashed"):
            self._ended_at = None
            return False
        now = self._clock.monotonic()
        if self._ended_at is None:
            self._ended_at = now
        return now - self._ended_at >= self._patience_s


class _Watch:
    """Calls `on_change` from a thread of its own whenever an entry of a directory changes."""

    def __init__(self, directory: Path, on_change: Callable[[], None], *, disk: Disk) -> None:
        self.has_fired = False
        self._on_change = on_change
        self._observer: BaseObserver | None = None
        if is_network(filesystem_of(str(directory), disk)):
            return
        from watchdog.events import FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer

        watch = self

        class Handler(FileSystemEventHandler):
            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.event_type not in ("opened", "closed_no_write"):  # Our own reading.
                    watch._fire()

        observer = Observer()
        observer.daemon = True
        with contextlib.suppress(OSError):  # Out of watches, or no such directory: looking finds it.
            observer.schedule(Handler(), str(directory))
            observer.start()
            self._observer = observer

    def _fire(self) -> None:
        self.has_fired = True
        self._on_change()

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()


class _Waiting:
    """A watch that begins with the first wait, so that what is there already is read without delay."""

    def __init__(self, directory: Path, *, disk: Disk) -> None:
        self._directory = directory
        self._disk = disk
        self._watch: _Watch | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._watch is not None:
            self._watch.close()

    def _timeout_s(self, interval_s: float, on_change: Callable[[], None]) -> float:
        """Return how long to wait at most; 0 where the watch only begins: much may have changed."""
        if self._watch is None:
            self._watch = _Watch(self._directory, on_change, disk=self._disk)
            return 0.0
        return max(interval_s, QUIET_INTERVAL_S) if self._watch.has_fired else interval_s


class Changes(_Waiting):
    """Waits for changes in a directory. A context manager."""

    def __init__(self, directory: Path, *, disk: Disk) -> None:
        super().__init__(directory, disk=disk)
        self._changed = threading.Event()

    def wait(self, interval_s: float) -> None:
        """Return when something has changed since the last wait, or it is time to look in any case."""
        self._changed.wait(self._timeout_s(interval_s, self._changed.set))
        self._changed.clear()


class AsyncChanges(_Waiting):
    """Waits for changes in a directory while its event loop goes on. A context manager."""

    def __init__(self, directory: Path, *, disk: Disk) -> None:
        import asyncio

        super().__init__(directory, disk=disk)
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    async def wait(self, interval_s: float) -> None:
        """Return when something has changed since the last wait, or it is time to look in any case."""
        import asyncio

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s(interval_s, self._set_soon)):
                await self._changed.wait()
        self._changed.clear()

    def _set_soon(self) -> None:
        with contextlib.suppress(RuntimeError):  # The loop may be closed by the time an event comes.
            self._loop.call_soon_threadsafe(self._changed.set)
