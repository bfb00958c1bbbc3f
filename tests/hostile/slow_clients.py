"""Clients that take their time: with headers, bodies, reading, or with saying anything at all."""

import contextlib
import socket
import time
from collections.abc import Iterator

from waiting import PATIENCE_S

BLOCK_BYTES = 4096


def connect(port: int, *, address: str = "127.0.0.1") -> socket.socket:
    """Return a connection that comes from one of the loopback addresses."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S, source_address=(address, 0))


@contextlib.contextmanager
def silent(port: int, count: int, *, address: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """Hold connections over which nothing is said."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect(port, address=address)) for _ in range(count)]


def dribble(connection: socket.socket, data: bytes, *, pause_s: float) -> tuple[bytes, int]:
    """Send a byte at a time until the other end answers or closes; return that, and after how many."""
    connection.settimeout(pause_s)
    for position in range(len(data)):
        try:
            connection.sendall(data[position : position + 1])
            block = connection.recv(BLOCK_BYTES)
        except TimeoutError:
            continue
        except ConnectionError:
            block = b""
        return block, position
    return rest_of(connection), len(data)


class Steps:
    """A client's own pace: it rests before each step. `longest_s` is what one took at the worst."""

    def __init__(self, rest_s: float) -> None:
        self.longest_s = 0.0
        self._rest_s = rest_s
        self._last = time.monotonic()

    def rest(self) -> None:
        """Rest, and note how long the last step took, this rest included."""
        time.sleep(self._rest_s)  # This is the attack itself, not a wait for something.
        now = time.monotonic()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now


def sip(connection: socket.socket, steps: Steps, *, block_bytes: int) -> bytes:
    """Read a little at a time, to the end."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while block := connection.recv(block_bytes):
            received += block
            steps.rest()
    return received


def rest_of(connection: socket.socket) -> bytes:
    """Return all that comes until the connection is closed, or is found to be broken."""
    connection.settimeout(PATIENCE_S)
    received = b""
    with contextlib.suppress(ConnectionError):
        while block := connection.recv(BLOCK_BYTES):
            received += block
    return received


def is_open(connection: socket.socket) -> bool:
    """Tell whether the other end has closed a connection over which it owes us nothing."""
    connection.setblocking(False)
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        connection.settimeout(PATIENCE_S)
