"""A relay on loopback between two ends: counts the requests and the bytes of both directions.

It takes processor time of its own, so whatever is timed goes without it.
"""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

BLOCK_BYTES = 256 * 1024
HEAD_BYTES_MAX = 1024 * 1024
PATIENCE_S = 10.0

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass(slots=True)
class Wire:
    """What went through: bytes of TCP's payload, headers included."""

    connections: int = 0
    requests: int = 0
    bytes_up: int = 0
    bytes_down: int = 0


@contextmanager
def relaying(port: int) -> Iterator[tuple[int, Wire]]:
    """Relay to a port of this machine until the block ends; yield the relay's port and the counts."""
    wire, loop = Wire(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        serving = asyncio.start_server(
            lambda reader, writer: _relay(reader, writer, port, wire),
            "127.0.0.1",
            0,
            limit=HEAD_BYTES_MAX,
        )
        server = asyncio.run_coroutine_threadsafe(serving, loop).result(PATIENCE_S)
        yield server.sockets[0].getsockname()[1], wire
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(PATIENCE_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, wire: Wire
) -> None:
    wire.connections += 1
    answers, requests = await asyncio.open_connection("127.0.0.1", port)
    down = asyncio.ensure_future(_pass_answers(answers, writer, wire))
    try:
        while True:
            await _pass_request(reader, requests, wire)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        down.cancel()
        for end in (requests, writer):
            end.close()


async def _pass_answers(answers: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire) -> None:
    while block := await answers.read(BLOCK_BYTES):
        wire.bytes_down += len(block)
        writer.write(block)
        await writer.drain()
    writer.close()


async def _pass_request(
    reader: asyncio.StreamReader, requests: asyncio.StreamWriter, wire: Wire
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    wire.requests += 1
    await _pass(head, requests, wire)
    if _CHUNKED.search(head):
        size = -1
        while size:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            await _pass(line, requests, wire)
            await _pass_bytes(size + 2, reader, requests, wire)
    elif length := _LENGTH.search(head):
        await _pass_bytes(int(length[1]), reader, requests, wire)


async def _pass_bytes(
    size: int, reader: asyncio.StreamReader, requests: asyncio.StreamWriter, wire: Wire
) -> None:
    while size:
        block = await reader.read(min(size, BLOCK_BYTES))
        if not block:
            raise ConnectionError
        await _pass(block, requests, wire)
        size -= len(block)


async def _pass(data: bytes, requests: asyncio.StreamWriter, wire: Wire) -> None:
    wire.bytes_up += len(data)
    requests.write(data)
    await requests.drain()
