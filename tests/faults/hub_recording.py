"""A hub whose system calls are recorded, and what its answers promised in between."""

import asyncio
import contextlib
import hashlib
import http.client
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from faults.recording_disk import FilePromised, LogPromised, RecordingDisk, Truncated, Written
from log_spec import LogSpec
from waiting import PATIENCE_S

from tidelog.datastore.disk import StrPath
from tidelog.syncd.bodies import SmallFile, encode_batch
from tidelog.syncd.hub.server import HubServer, Listen
from tidelog.syncd.protocol import batch_path, digest_header, file_path, log_path

PROJECT = "p"
LOG = "main.0001.tlog"


class HubDisk(RecordingDisk):
    """Records what a hub does beyond what a run does: writing at an offset, cutting."""

    def open_update(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Open or create a file."""
        with self._lock:
            was_there = self.is_there(path)
            fd = super(RecordingDisk, self).open_update(path, mode=mode)
            self._paths[fd] = os.fspath(path)
            name = self._relative(path)
            file = self._names[name] if was_there else next(self._numbers)
            self._files[fd] = file, os.fstat(fd).st_size
            if not was_there:
                self._name(path, file)
            return fd

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write at an offset."""
        with self._lock:
            taken = super().pwrite(fd, data, offset)
            self._record(Written(self._files[fd][0], offset, bytes(data[:taken])))
            return taken

    def truncate(self, fd: int, size: int) -> None:
        """Change a file's length."""
        with self._lock:
            super().truncate(fd, size)
            self._record(Truncated(self._files[fd][0], size))


def log_of(run: int, chunks: int) -> LogSpec:
    log = LogSpec(log_id=bytes([run]) * 16)
    for step in range(chunks):
        log.row({"i": step, "text": "x" * (40 * (step % 30))}, step=step)
    return log


class ServedHub:
    """A hub in a thread of its own; every call to it must be acknowledged."""

    def __init__(self, data: Path, disk: HubDisk) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = HubServer(data, listen=Listen("127.0.0.1", 0), disk=disk)
        self._do(self._server.start())
        self._key = self._server.keys.create("test")

    def __enter__(self) -> "ServedHub":
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, method: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send one request."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._server.listen.port, timeout=PATIENCE_S
        )
        fields = {"Authorization": f"Bearer {self._key}", "Content-Digest": digest_header(body)}
        with contextlib.closing(connection):
            connection.request(method, path, body, fields | (headers or {}))
            with connection.getresponse() as answer:
                said = answer.read()
                assert 200 == answer.status, said

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)


class Uploads:
    """What several agents send to one hub at one time; each promise is noted as its answer comes."""

    def __init__(self, hub: ServedHub, disk: HubDisk, seed: int) -> None:
        self._hub = hub
        self._disk = disk
        self._seed = seed
        self.logs: dict[str, LogSpec] = {}

    def run(self, runs: int, chunks: int) -> None:
        """Send all of it; every call must be acknowledged."""
        with ThreadPoolExecutor(runs) as pool:
            list(pool.map(lambda run: self._send(run, chunks), range(1, runs + 1)))

    def _send(self, run: int, chunks: int) -> None:
        random, log = Random(self._seed + run), log_of(run, chunks)
        path = f"{PROJECT}/r{run}/{LOG}"
        self.logs[path] = log
        at = 0
        while at < chunks:
            to = min(chunks, at + random.randint(1, 4))
            start, end = (log.ends[at - 1] if at else 0), log.ends[to - 1]
            headers = {"Upload-Offset": str(start), "Tidelog-Log-Id": (bytes([run]) * 16).hex()}
            self._hub.call("PATCH", log_path(PROJECT, f"r{run}", LOG), log.data[start:end], headers)
            self._disk.promise(LogPromised("power", path, log.data[:end]))
            at = to
        self._send_files(run, random)

    def _send_files(self, run: int, random: Random) -> None:
        small = [self._file(f"media/{i}.bin", random.randbytes(700)) for i in range(2)]
        self._hub.call("POST", batch_path(PROJECT, f"r{run}"), encode_batch(small))
        for file in small:
            self._promise(run, file.path, file.data)
        large = random.randbytes(1500)
        sha256 = hashlib.sha256(large).hexdigest()
        address = file_path(PROJECT, f"r{run}", "files/model", sha256=sha256)
        for method, start, end in (("PUT", 0, 900), ("PATCH", 900, 1500)):
            headers = {"Upload-Length": "1500", "Upload-Complete": "?1" if end == 1500 else "?0"}
            headers |= {"Upload-Offset": str(start)} if start else {}
            self._hub.call(method, address, large[start:end], headers)
        self._promise(run, "files/model", large)

    def _file(self, path: str, data: bytes) -> SmallFile:
        return SmallFile(path, hashlib.sha256(data).hexdigest(), data)

    def _promise(self, run: int, path: str, data: bytes) -> None:
        self._disk.promise(FilePromised("power", f"{PROJECT}/r{run}/{path}", data))


def put_on_disk(root: Path, files: dict[str, Any], directories: frozenset[str]) -> None:
    """Make a state real."""
    root.mkdir(exist_ok=True)
    for directory in sorted(directories):
        (root / directory).mkdir(exist_ok=True)
    for path, found in files.items():
        (root / path).write_bytes(found.data)
