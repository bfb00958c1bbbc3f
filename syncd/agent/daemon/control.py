"""The daemon's control socket: one JSON document in, one out, for people of the same account only."""

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.lock import holder_of
from tidelog.syncd.errors import CannotStartError, SyncdError

SOCKET_PATH_BYTES_MAX = 100
ANSWER_BYTES_MAX = 64 * 1024 * 1024
ASK_TIMEOUT_S = 10.0
OWNER_ONLY = 0o177

Handle = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


def socket_path(directory: Path, environ: Mapping[str, str]) -> Path:
    """Return where the daemon of a state directory listens; the path of a socket must be short."""
    state = hashlib.sha256(os.fsencode(os.path.abspath(directory))).hexdigest()[:8]
    runtime = environ.get("XDG_RUNTIME_DIR")
    places = [Path(runtime, "tidelog", f"agent-{state}.sock")] if runtime else []
    places.append(directory / "agent.sock")
    for place in places:
        if len(os.fsencode(place)) <= SOCKET_PATH_BYTES_MAX:
            return place
    raise CannotStartError(
        f"the path {places[-1]} is too long for a socket (the limit is {SOCKET_PATH_BYTES_MAX} bytes): "
        "set XDG_RUNTIME_DIR to a shorter folder"
    )


class ControlServer:
    """Answers on the socket with what `handle` returns for a request."""

    def __init__(self, path: Path, handle: Handle, *, disk: Disk, line_bytes_max: int) -> None:
        self._path = path
        self._handle = handle
        self._disk = disk
        self._line_bytes_max = line_bytes_max
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. The socket of a daemon that died is replaced; the lock tells that it did."""
        self._disk.make_directory(self._path.parent, mode=0o700)
        before = os.umask(OWNER_ONLY)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, str(self._path), limit=self._line_bytes_max
            )
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        self._disk.remove(self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ASK_TIMEOUT_S):
                answer = await self._answer(await reader.readline())
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError):
            pass  # Whoever asked has gone, or never spoke our language.
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Mapping[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        if not isinstance(request, dict):
            return {"type": "error", "detail": "a request is one JSON object on one line"}
        try:
            return await self._handle(request)
        except SyncdError as error:
            # Silence would be taken for a daemon that hangs.
            return {"type": "error", "detail": str(error), "is_failure": True}


def ask_daemon(
    directory: Path, request: Mapping[str, Any], *, disk: Disk, timeout_s: float = ASK_TIMEOUT_S
) -> dict[str, Any] | None:
    """Return the answer of the daemon that has this state, None where none runs."""
    holder = holder_of(directory, disk)
    if holder is None:
        return None
    answer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(holder.socket)
            connection.sendall(json.dumps(request).encode() + b"\n")
            while block := connection.recv(65536):
                answer += block
                if len(answer) > ANSWER_BYTES_MAX:
                    return None
        document = json.loads(answer)
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None
