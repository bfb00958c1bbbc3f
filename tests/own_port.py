"""A port of loopback that stays a test's own while servers on it come and go."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def own_port() -> Iterator[int]:
    """Hold a port without listening on it: who connects is refused, and a server may listen there.

    A port that was only looked up could be another test's by the time that a server wants it (back).
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # As servers have it: they may share.
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])
