"""Single keys of a terminal, as they are pressed; a change of its size wakes as a key does."""

import os
import re
import select
import signal
import socket
import termios
import tty
from types import FrameType, TracebackType
from typing import Any, Self

KEYS_BYTES_MAX = 64
RESIZED = "resized"
HUNG_UP = "hung up"
TERMINATED = 128 + signal.SIGTERM

_KEY = re.compile(r"\x1b\[[0-9;]*[ -~]|\x1bO.|\x1b|.", re.DOTALL)
"""Keys with names, such as the arrows, are several characters."""


class Keys:
    """Takes keys without echo from entering to leaving, and leaves the terminal as it was.

    Also for SIGTERM, which becomes an exit like any other here.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._pressed: list[str] = []
        self._attributes: list[Any] = []
        self._handlers: dict[int, Any] = {}
        self._woken, self._waker = socket.socketpair()
        self._waker_before = -1

    def __enter__(self) -> Self:
        self._attributes = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        for end in (self._woken, self._waker):
            end.settimeout(0)
        self._waker_before = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        self._handlers = {
            signal.SIGWINCH: signal.signal(signal.SIGWINCH, _note),
            signal.SIGTERM: signal.signal(signal.SIGTERM, _end),
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._waker_before)
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._attributes)
        for end in (self._woken, self._waker):
            end.close()

    def wait(self, timeout_s: float) -> str | None:
        """Return the next key, RESIZED, or HUNG_UP once the terminal is gone; None when time is up."""
        if self._pressed:
            return self._pressed.pop(0)
        ready, _, _ = select.select([self._fd, self._woken.fileno()], [], [], timeout_s)
        if self._woken.fileno() in ready:
            self._woken.recv(KEYS_BYTES_MAX)
        if self._fd in ready:
            try:
                pressed = os.read(self._fd, KEYS_BYTES_MAX)
            except OSError:
                pressed = b""
            # Whoever types fast has pressed more than one.
            self._pressed = _KEY.findall(pressed.decode(errors="replace")) or [HUNG_UP]
            return self._pressed.pop(0)
        return RESIZED if ready else None


def _note(number: int, frame: FrameType | None) -> None:
    """Python has written to the waker: that is all there is to do."""
    del number, frame


def _end(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise SystemExit(TERMINATED)
