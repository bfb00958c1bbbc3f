"""The limit of an upload: aiohttp moves bytes in PUTs of 1 MiB, one after the other. No checks at all.

python benchmarks/bare_http.py serve PORT FOLDER (no-fsync|fsync)     until SIGTERM
python benchmarks/bare_http.py put PORT FOLDER                        all files below it, then ends
"""

import asyncio
import os
import sys
from collections.abc import Iterator

import aiohttp
from aiohttp import web

BODY_BYTES = 1024 * 1024


def serve(port: int, folder: str, *, is_synced: bool) -> None:
    """Append each body to a file; with `is_synced`, answer only once it is on the disk."""
    fd = os.open(os.path.join(folder, "received"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    async def put(request: web.Request) -> web.Response:
        os.write(fd, await request.read())
        if is_synced:
            await asyncio.to_thread(os.fdatasync, fd)
        return web.Response()

    async def health(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application(client_max_size=2 * BODY_BYTES)
    app.add_routes([web.put("/file", put), web.get("/healthz", health)])
    web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


async def put(port: int, folder: str) -> None:
    """Send what lies below a folder over one connection, a body after the answer to the one before."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for body in bodies(folder):
            async with session.put(f"http://127.0.0.1:{port}/file", data=body):
                pass


def bodies(folder: str) -> Iterator[bytes]:
    """Yield the bytes of all files, one behind the other, cut into bodies."""
    body = b""
    for directory, _folders, names in os.walk(folder):
        for name in sorted(names):
            with open(os.path.join(directory, name), "rb", buffering=0) as file:
                while more := file.read(BODY_BYTES - len(body)):
                    body = body + more if body else more
                    if len(body) == BODY_BYTES:
                        yield body
                        body = b""
    if body:
        yield body


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port, folder, ("fsync" | "no-fsync") as mode]:
            serve(int(port), folder, is_synced=mode == "fsync")
        case ["put", port, folder]:
            asyncio.run(put(int(port), folder))
        case _:
            sys.exit(__doc__)
