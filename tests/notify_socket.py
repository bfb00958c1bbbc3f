"""The service manager's end of sd_notify: a real datagram socket that tests listen on."""

import socket
from types import TracebackType
from typing import Self

from waiting import PATIENCE_S


class NotifySocket:
    """A context manager; messages come as the lines of one datagram each."""

    def __init__(self, address: str) -> None:
        """`address` is what NOTIFY_SOCKET holds: a path, or `@` and an abstract name."""
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self._socket.bind(f"\0{self.address[1:]}" if self.address[0] == "@" else self.address)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def message(self, *, within_s: float = PATIENCE_S) -> list[str]:
        """Return the lines of the next message, none where nothing comes in time."""
        self._socket.settimeout(within_s)
        try:
            return self._socket.recv(65536).decode().splitlines()
        except TimeoutError:
            return []

    def message_with(self, line: str) -> list[str]:
        """Return the next message that has a line."""
        while message := self.message():
            if line in message:
                return message
        raise AssertionError(f"no message with {line!r} came")

    def forget(self) -> None:
        """Throw away what has come so far."""
        self._socket.setblocking(False)
        try:
            while self._socket.recv(65536):
                pass
        except BlockingIOError:
            pass
