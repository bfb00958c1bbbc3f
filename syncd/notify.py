"""What a service tells the manager that started it: systemd's notification protocol, sd_notify(3).

Without a manager nothing is told. A manager that does not take a message never stops the service.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Mapping

SOCKET_VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"

BEATS_PER_WATCHDOG = 3
STATUS_INTERVAL_S = 10.0
STATUS_CHARS_MAX = 200


class Notifier:
    """Messages to a service manager. Each is one datagram, sent without waiting."""

    def __init__(self, address: str, *, beat_s: float = STATUS_INTERVAL_S) -> None:
        """`address` is the manager's socket, `@` before an abstract one; "" where there is none."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._beat_s = beat_s

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, pid: int) -> "Notifier":
        """Return what tells the manager of process `pid`, as the variables name it."""
        return cls(environ.get(SOCKET_VARIABLE, ""), beat_s=beat_interval_s(environ, pid=pid))

    def ready(self) -> None:
        """The service answers: after its start, and again after `reloading`."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is being read anew; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The service ends; nothing new begins."""
        self._send("STOPPING=1")

    def alive(self, status: str) -> None:
        """The event loop turns, and this is what it is at, in one line."""
        self._send(f"WATCHDOG=1\nSTATUS={' '.join(status.split())[:STATUS_CHARS_MAX]}")

    async def beat(self, describe: Callable[[], str]) -> None:
        """Tell again and again that this event loop turns, until cancelled.

        A loop that hangs sends nothing, and the manager starts the service anew. Returns at once where
        there is no manager.
        """
        while self._address:
            self.alive(describe())
            await asyncio.sleep(self._beat_s)

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
            speaking.sendto(message.encode(errors="replace"), socket.MSG_DONTWAIT, self._address)


def beat_interval_s(environ: Mapping[str, str], *, pid: int) -> float:
    """Return how often to tell that the service lives: a third of the watchdog's patience, if any."""
    watched, patience_us = environ.get(WATCHDOG_PID_VARIABLE), environ.get(WATCHDOG_VARIABLE, "")
    if not patience_us.isdecimal() or int(patience_us) == 0 or watched not in (None, "", str(pid)):
        return STATUS_INTERVAL_S
    return min(STATUS_INTERVAL_S, int(patience_us) / 1e6 / BEATS_PER_WATCHDOG)
