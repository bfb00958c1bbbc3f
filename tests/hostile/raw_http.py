"""HTTP as bytes over a socket: nothing is tidied up on the way."""

import contextlib
import socket
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from waiting import PATIENCE_S

SILENCE_S = 0.1
MOMENT_S = 0.001
BLOCK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What came back; status 0 where the connection was closed without a word."""

    status: int
    head: bytes
    body: bytes

    @property
    def whole(self) -> bytes:
        return self.head + self.body


class RawConnection:
    """One connection at a time to a hub; a new one whenever the last is closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def exchange(self, request: bytes, *, has_body: bool = True) -> RawAnswer:
        """Send a request and return its answer, over a new connection where the last was closed."""
        is_fresh = self._socket is None
        answer = self._try(request, has_body=has_body)
        if answer.status == 0 and not is_fresh:
            answer = self._try(request, has_body=has_body)
        return answer

    def send_and_reset(self, data: bytes) -> None:
        """Send bytes over a connection that is then broken off, not closed."""
        self.close()
        with socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_S) as connection:
            connection.sendall(data)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _try(self, request: bytes, *, has_body: bool) -> RawAnswer:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE_S)
        with contextlib.suppress(ConnectionError):  # It may have answered before it closed.
            self._socket.sendall(request)
        try:
            answer = _read_answer(self._socket, has_body=has_body)
        except ConnectionError:
            answer = RawAnswer(0, b"", b"")
        if answer.status in (0, 400) or b"\r\nConnection: close" in answer.head:
            self.close()
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def request(
    method: str,
    target: bytes,
    *,
    key: str = "",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> bytes:
    """Return a request with a target as it is."""
    fields = {"Host": "hub", "Content-Length": str(len(body)), **(headers or {})}
    if key:
        fields["Authorization"] = f"Bearer {key}"
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return method.encode() + b" " + target + b" HTTP/1.1\r\n" + head.encode() + b"\r\n" + body


def talk(port: int, data: bytes, *, patience_s: float = SILENCE_S) -> bytes:
    """Send bytes as they are and return all that comes back until the other end closes.

    After a silence of `patience_s` it hears that no more will be sent: it may wait for a rest.
    """
    received = b""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    with connection, contextlib.suppress(ConnectionError):
        connection.sendall(data)
        connection.settimeout(max(patience_s, MOMENT_S))
        while True:
            try:
                block = connection.recv(BLOCK_BYTES)
            except TimeoutError:
                connection.settimeout(PATIENCE_S)
                connection.shutdown(socket.SHUT_WR)
                continue
            if not block:
                break
            received += block
    return received


def statuses(received: bytes) -> list[int]:
    """Return the status of every answer in what came back."""
    return [
        int(line.split()[1])
        for line in received.split(b"\r\n")
        if line.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
    ]


def _read_answer(connection: socket.socket, *, has_body: bool) -> RawAnswer:
    received = b""
    while b"\r\n\r\n" not in received:
        block = connection.recv(BLOCK_BYTES)
        if not block:
            return RawAnswer(0, received, b"")
        received += block
    head, _, body = received.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and has_body:
            length = int(value)
    while len(body) < length:
        block = connection.recv(BLOCK_BYTES)
        if not block:
            break
        body += block
    return RawAnswer(int(head.split()[1]), head, body)
