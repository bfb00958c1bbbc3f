"""Builds run directories on the disk out of `LogSpec`: rows, media, saved files, damage on demand."""

import contextlib
import hashlib
import os
from pathlib import Path
from random import Random

from log_spec import TIME, LogSpec

from tidelog.datastore.records import FILE, RUN, Media


class RunSpec:
    """A run directory below `root`; every method adds to its current log on the disk."""

    def __init__(self, root: Path, project: str = "mnist", run: str = "r1", *, seed: int = 1) -> None:
        self.path = root / project / run
        self.random = Random(seed)
        self.path.mkdir(parents=True)
        self.step = 0
        self.new_log("main.0001.tlog")

    def new_log(self, name: str) -> "RunSpec":
        self.name = name
        self.log = LogSpec(log_id=self.random.randbytes(16))
        self.log.record(RUN, TIME, {"id": self.path.name})
        self.written = 0
        return self.flush()

    def rows(self, count: int) -> "RunSpec":
        for _ in range(count):
            self.log.row({"loss": self.random.random(), "n": self.step}, step=self.step)
            self.step += 1
        return self.flush()

    def chunk_of(self, size: int) -> "RunSpec":
        """Add one row of about `size` bytes."""
        self.log.row({"text": self.random.randbytes(size // 2).hex()}, step=self.step)
        self.step += 1
        return self.flush()

    def media(self, name: str, size: int = 500, *, data: bytes | None = None) -> "RunSpec":
        path, data = f"media/images/{name}", data or self.random.randbytes(size)
        self._put(path, data)
        media = Media("image", path, hashlib.sha256(data).hexdigest(), len(data), {})
        self.log.row({"sample": media}, step=self.step)
        return self.flush()

    def saved(self, name: str, size: int) -> "RunSpec":
        path, data = f"files/{name}", self.random.randbytes(size)
        self._put(path, data)
        entry = {"path": path, "size": size, "sha256": hashlib.sha256(data).hexdigest()}
        self.log.record(FILE, TIME, {**entry, "policy": "now"})
        return self.flush()

    def finish(self) -> "RunSpec":
        self.log.final()
        return self.flush()

    def flush(self) -> "RunSpec":
        with (self.path / self.name).open("ab") as file:
            file.write(self.log.data[self.written :])
        self.written = len(self.log.data)
        return self

    def damage(self, chunk: int, *, bit: int = 170) -> "RunSpec":
        """Flip one bit of a chunk's payload on the disk."""
        data = bytearray((self.path / self.name).read_bytes())
        data[self.log.starts[chunk] + bit // 8] ^= 1 << (bit % 8)
        (self.path / self.name).write_bytes(data)
        return self

    def tear(self, size: int) -> "RunSpec":
        """Cut bytes off the end of the log's file."""
        file = self.path / self.name
        os.truncate(file, file.stat().st_size - size)
        return self

    def _put(self, path: str, data: bytes) -> None:
        file = self.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a root by its path, without what is no run data, or goes meanwhile."""
    files = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.relative_to(root).parts[0].startswith("."):
            with contextlib.suppress(FileNotFoundError):
                files[str(path.relative_to(root))] = path.read_bytes()
    return files


def stored(data: Path) -> dict[str, bytes]:
    """Return the files of a target, without pieces that a broken request left under a temporary name."""
    return {path: held for path, held in tree(data).items() if not path.endswith(".tmp")}
