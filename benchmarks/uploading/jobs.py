"""The jobs: what lies in a root before it is carried. Made once, the same bytes for every way."""

import hashlib
import os
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.job import NAMES, row

MIB = 1024 * 1024
PROJECT = "bench"
IMAGE_SIDE = 57
"""Pixels of noise, which no PNG makes smaller: 10 kB."""

WIDE_NAMES = 100
ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is of each; a test makes all of it small."""

    rows: int = 100_000
    runs: int = 100
    rows_of_a_run: int = 100
    images: int = 10_000
    checkpoint_bytes: int = 2 * 1024 * MIB
    long_bytes: int = 136 * MIB


@dataclass(frozen=True, slots=True)
class Job:
    """A root to carry. `peer` is what `wandb_runs.py` is told to record, empty where it has no such job.

    `bytes_expected` says how much room is needed before it is there.
    """

    name: str
    make: Callable[[Path], None]
    bytes_expected: int
    peer: tuple[str, ...] = ()


START = "one row"
"""What is carried here costs nothing: it is what starting and ending takes."""

LONG = "a long log"
WIDE = f"a long log, {WIDE_NAMES} values a row"


def jobs(sizes: Sizes) -> tuple[Job, ...]:
    """Return the jobs, the cheapest first."""
    return (
        Job(START, lambda root: _write_rows(root / "only", 1), 1000, ("--rows", "1")),
        Job(
            f"{sizes.rows:,} rows",
            lambda root: _write_rows(root / "only", sizes.rows),
            100 * sizes.rows,
            ("--rows", str(sizes.rows)),
        ),
        Job(
            f"{sizes.runs:,} runs of {sizes.rows_of_a_run:,} rows",
            lambda root: _write_runs(root, sizes),
            sizes.runs * (1000 + 100 * sizes.rows_of_a_run),
            ("--rows", str(sizes.rows_of_a_run), "--runs", str(sizes.runs)),
        ),
        Job(
            f"{sizes.images:,} images of 10 kB",
            lambda root: _write_images(root / "only", sizes.images),
            sizes.images * 11_000,
            ("--images", "yes"),
        ),
        Job(LONG, lambda root: _write_long(root / "only", sizes.long_bytes, NAMES), sizes.long_bytes),
        Job(
            WIDE,
            lambda root: _write_long(root / "only", sizes.long_bytes, _wide_names()),
            sizes.long_bytes,
        ),
        Job(
            f"a checkpoint of {sizes.checkpoint_bytes // MIB:,} MiB",
            lambda root: _write_checkpoint(root / "only", sizes.checkpoint_bytes),
            sizes.checkpoint_bytes,
            ("--checkpoint", "yes"),
        ),
    )


def _write_rows(run: Path, rows: int) -> None:
    from tidelog.datastore import Writer

    writer = Writer(run)
    for index in range(rows):
        writer.log_row(row(index), step=index)
    writer.close()


def _write_runs(root: Path, sizes: Sizes) -> None:
    for number in range(sizes.runs):
        _write_rows(root / f"run-{number:04}", sizes.rows_of_a_run)


def _write_long(run: Path, size_bytes: int, names: tuple[str, ...]) -> None:
    from tidelog.datastore import Writer

    writer, index = Writer(run), 0
    while writer.path.stat().st_size < size_bytes:
        for _ in range(ROWS_AT_ONCE):
            values = tuple(row(index).values())
            writer.log_row({name: values[i % len(values)] for i, name in enumerate(names)}, step=index)
            index += 1
    writer.close()


def _wide_names() -> tuple[str, ...]:
    return tuple(f"{NAMES[i % len(NAMES)]}/{i}" for i in range(WIDE_NAMES))


def _write_images(run: Path, images: int) -> None:
    from tidelog.datastore import Writer
    from tidelog.datastore.records import Media

    noise, writer = random.Random(1), Writer(run)
    folder = run / "media" / "images"
    folder.mkdir(parents=True)
    for step in range(images):
        data, name = _noise_png(noise), f"sample_{step}.png"
        (folder / name).write_bytes(data)
        media = Media("image", f"media/images/{name}", hashlib.sha256(data).hexdigest(), len(data), {})
        writer.log_row({"sample": media}, step=step)
    writer.close()


def _write_checkpoint(run: Path, size_bytes: int) -> None:
    from tidelog.datastore import Writer

    noise, sha256, writer = random.Random(2), hashlib.sha256(), Writer(run)
    path = run / "files" / "model.bin"
    path.parent.mkdir()
    with path.open("wb") as file:
        while file.tell() < size_bytes:
            block = noise.randbytes(min(MIB, size_bytes - file.tell()))
            sha256.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    entry = {"path": "files/model.bin", "size": size_bytes, "sha256": sha256.hexdigest()}
    writer.log_file({**entry, "policy": "now"})
    writer.close()


def _noise_png(noise: random.Random) -> bytes:
    """Return an image of random pixels, stored and not compressed."""
    lines = b"".join(b"\0" + noise.randbytes(3 * IMAGE_SIDE) for _ in range(IMAGE_SIDE))
    header = struct.pack(">IIBBBBB", IMAGE_SIDE, IMAGE_SIDE, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
