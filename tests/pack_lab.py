"""Packs for tests: written and taken in within this process, or built by hand to do harm."""

import asyncio
import io
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent_targets import SETTINGS
from run_spec import RunSpec

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.home import logs_at_home
from tidelog.syncd.agent.pack.contents import CONTENTS_NAME, Contents, encode_contents
from tidelog.syncd.agent.pack.survey import Findings, Survey
from tidelog.syncd.agent.pack.unpack import Unpacked, Unpacker
from tidelog.syncd.agent.pack.writer import write_pack
from tidelog.syncd.agent.proof.compare import Verdict
from tidelog.syncd.agent.proof.verify import verify_run
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.held import RunContents
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.task import Run

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TIME = 1_795_000_000.0


def run_of(spec: RunSpec) -> Run:
    return Run(str(spec.path), spec.path.parent.name, spec.path.name)


def root_target(root: Path) -> RootTarget:
    return RootTarget(f"file://{root}", str(root), disk=Disk())


def pack(
    path: Path, *specs: RunSpec, received: dict[Run, RunContents] | None = None
) -> tuple[Contents, Findings]:
    """Write a pack of runs, without what was received of them."""
    survey, disk = Survey(disk=Disk(), settings=SETTINGS), Disk()
    packed = []
    for run in map(run_of, specs):
        found = survey.look(run, logs_at_home(run, disk), (received or {}).get(run))
        packed += [found] if found.files or any(log.cuts for log in found.logs) else []
    contents = Contents(TIME, tuple(packed))
    sources = {str(run): run for run in map(run_of, specs)}
    write_pack(str(path), contents, sources, disk=disk, on_bytes=lambda _: None)
    return contents, survey.findings


def unpack(archive: Path, target: Target) -> Unpacked:
    """Take a pack in. Raises PackError where it is none."""
    return asyncio.run(take_in(archive, target))


async def take_in(archive: Path, target: Target, *, room: int = 1 << 60) -> Unpacked:
    """Take a pack in, inside a loop that runs already."""
    with archive.open("rb") as file:
        unpacker = Unpacker(
            str(archive),
            file.read,
            target,
            settings=SETTINGS,
            on_bytes=lambda _: None,
            room=lambda: room,
        )
        return await unpacker.take_in(await unpacker.open())


def received_from(root: Path, spec: RunSpec) -> dict[Run, RunContents]:
    """Return what a receipt of a root would say of a run."""
    held = asyncio.run(root_target(root).contents(run_of(spec)))
    return {} if held is None else {run_of(spec): held}


def verdict_on(spec: RunSpec, root: Path) -> Verdict:
    """Compare a run with a root."""
    run = run_of(spec)
    return asyncio.run(verify_run(root_target(root), run, logs_at_home(run, Disk()), Disk()))


def hostile(
    path: Path, contents: Contents | bytes, members: list[tuple[str, bytes]], **fields: Any
) -> Path:
    """Write an archive of any members behind any table of contents."""
    table = contents if isinstance(contents, bytes) else encode_contents(contents)
    taken = io.BytesIO()
    with tarfile.open(fileobj=taken, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in [(CONTENTS_NAME, table), *members]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            for field, value in fields.items() if name != CONTENTS_NAME else ():
                setattr(member, field, value)
            tar.addfile(member, io.BytesIO(data))
    path.write_bytes(zstd.compress(taken.getvalue()))
    return path


def changed(archive: Path, change: Callable[[bytes], bytes]) -> Path:
    """Return a copy of an archive whose tar was changed."""
    other = archive.with_suffix(".other")
    other.write_bytes(zstd.compress(change(zstd.decompress(archive.read_bytes()))))
    return other
