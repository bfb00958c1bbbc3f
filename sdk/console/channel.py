"""Passes on what comes out of a pipe to where it would have gone, and keeps a copy."""

import codecs
import os
import select
import threading
from collections.abc import Callable

from tidelog.datastore.disk import Disk
from tidelog.sdk.console.tee import Keep
from tidelog.sdk.console.terminal import copy_size

READ_BYTES = 64 * 1024
SIZE_INTERVAL_S = 1.0


def pass_all(target: int, data: bytes) -> None:
    """Write all of it, and wait where the other end makes us wait. Raises OSError where it is gone."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(target, view) :]
        except BlockingIOError:  # Somebody who shares it made it so.
            waiting = select.poll()
            waiting.register(target, select.POLLOUT)
            waiting.poll()


class Channel:
    """A pipe or pseudo-terminal that is read by a thread of its own until nobody writes to it."""

    def __init__(
        self, source: int, target: int, *, keep: Keep, on_broken: Callable[[], None], disk: Disk
    ) -> None:
        """`on_broken` hears that the target takes nothing any more; what comes is kept all the same."""
        self._source = source
        self._target = target
        self._keep = keep
        self._on_broken = on_broken
        self._disk = disk
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._is_broken = self._is_released = False
        self._empty = threading.Event()
        self._heard, self._call = os.pipe()
        self._thread = threading.Thread(target=self._run, name="tidelog-channel", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def drain(self, timeout_s: float) -> None:
        """Return when all is passed on that was written before the call, or after a while."""
        self._empty.clear()
        os.write(self._call, b".")
        if self._thread.is_alive():
            self._empty.wait(timeout_s)

    def release(self) -> None:
        """Let those who still write find that nobody reads, as they would without us."""
        self._is_released = True
        os.write(self._call, b".")

    def join(self) -> None:
        """Wait until nobody writes any more."""
        self._thread.join()

    def _run(self) -> None:
        poll = select.poll()
        for descriptor in (self._source, self._heard):
            poll.register(descriptor, select.POLLIN)
        interval_s = SIZE_INTERVAL_S if os.isatty(self._target) else None
        is_open = True
        while is_open and not self._is_released:
            ready = [descriptor for descriptor, _events in poll.poll(interval_s and interval_s * 1000)]
            if self._source in ready:
                is_open = self._pass_on()
            elif ready:
                os.read(self._heard, 1)
                self._empty.set()
            if interval_s is not None:
                copy_size(self._target, self._source)
        self._keep(self._decoder.decode(b"", final=True))
        self._empty.set()
        self._disk.close(self._source)

    def _pass_on(self) -> bool:
        """Tell whether there was something, which means that there may be more."""
        try:
            data = os.read(self._source, READ_BYTES)
        except OSError:
            return False  # So ends a pseudo-terminal that nobody has open.
        if not self._is_broken:
            try:
                pass_all(self._target, data)
            except OSError:
                self._is_broken = True
                self._on_broken()
        self._keep(self._decoder.decode(data))
        return bool(data)
