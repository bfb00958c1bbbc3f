"""A relay between agent and hub: notes each request as it passes, and may strike in the middle of it."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

BLOCK_BYTES = 64 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Passed:
    """One request as far as it came: `taken` is how many bytes of its body did."""

    def __init__(self, head: bytes) -> None:
        line, *fields = head.decode("latin-1").split("\r\n")
        self.method, self.path, _version = line.split(" ")
        named = (field.partition(":") for field in fields if field)
        self.headers = {name.lower(): value.strip() for name, _colon, value in named}
        self.taken = 0

    def __repr__(self) -> str:
        return f"<{self.method} {self.path} at {self.headers.get('upload-offset')}, {self.taken} bytes>"

    @property
    def is_of_a_file(self) -> bool:
        return self.method == "PATCH" and "/files/" in self.path

    @property
    def is_of_a_log(self) -> bool:
        return self.method == "PATCH" and "/logs/" in self.path


class CountingRelay:
    """A context manager; `strike`, once set, is asked after each block and may kill somebody."""

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self.requests: list[Passed] = []
        self.connections = 0
        self.strike: Callable[[Passed], None] | None = None
        self._hub = ("127.0.0.1", port)
        self._socket = socket.create_server((host, 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def url(self) -> str:
        host, port = self._socket.getsockname()
        return f"http://{host}:{port}"

    @property
    def of_files(self) -> list[Passed]:
        return [request for request in self.requests if request.is_of_a_file]

    @property
    def of_logs(self) -> list[Passed]:
        return [request for request in self.requests if request.is_of_a_log]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            ends = [self._socket, *self._open]
        for end in ends:
            _shut(end)
        self._socket.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                agent, _address = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            try:
                hub = socket.create_connection(self._hub)
            except OSError:
                agent.close()
                continue
            with self._lock:
                self._open |= {agent, hub}
            for work in (self._pass_requests, self._pass_answers):
                self._threads.append(threading.Thread(target=work, args=(agent, hub)))
                self._threads[-1].start()

    def _pass_requests(self, agent: socket.socket, hub: socket.socket) -> None:
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    data += _more(agent)
                end = data.index(b"\r\n\r\n") + 4
                head, data = data[:end], data[end:]
                request = Passed(head)
                self.requests.append(request)
                hub.sendall(head)
                length = _LENGTH.search(head)
                left = int(length[1]) if length else 0
                while left:
                    data = data or _more(agent)
                    block, data = data[:left], data[left:]
                    hub.sendall(block)
                    left -= len(block)
                    request.taken += len(block)
                    if self.strike is not None:
                        self.strike(request)
        except OSError:
            pass
        finally:
            self._end(agent, hub)

    def _pass_answers(self, agent: socket.socket, hub: socket.socket) -> None:
        try:
            while True:
                agent.sendall(_more(hub))
        except OSError:
            pass
        finally:
            self._end(agent, hub)

    def _end(self, *ends: socket.socket) -> None:
        """Let both directions of a connection end; the second to come here closes it."""
        for end in ends:
            _shut(end)
        with self._lock:
            for end in ends:
                if end in self._open:
                    self._open.discard(end)
                else:
                    end.close()


def _more(end: socket.socket) -> bytes:
    block = end.recv(BLOCK_BYTES)
    if not block:
        raise ConnectionResetError
    return block


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
