"""The ways to carry a root: tidelog, copies to a local folder, wandb, and bare HTTP as the limit."""

import filecmp
import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.environment import PEERS
from benchmarks.uploading.ends import Costs, UploadError, bring, free_port, output, waiting
from benchmarks.uploading.jobs import PROJECT, Job
from benchmarks.uploading.relay import Wire, relaying

SYNCD = (sys.executable, "-m", "tidelog.syncd")
BARE = (sys.executable, Path(__file__).parents[1] / "bare_http.py")
WANDB_KEY = "0" * 40

TIDELOG = "tidelog"
LIMIT = "bare aiohttp, fdatasync per PUT"
FLOOR = "bare aiohttp"


@dataclass(slots=True)
class Trip:
    """One job to carry once: `source` is the root, `folder` is new and goes afterwards.

    With `is_counted` it goes through a relay, into `wire`, and its time means nothing.
    """

    job: Job
    source: Path
    folder: Path
    is_counted: bool
    agent: Costs = field(default_factory=Costs)
    hub: Costs = field(default_factory=Costs)
    wire: Wire | None = None

    @contextmanager
    def port_of(self, port: int) -> Iterator[int]:
        """Yield the port at which a hub is to be reached."""
        if not self.is_counted:
            yield port
            return
        with relaying(port) as (relay_port, wire):
            yield relay_port
        self.wire = wire


@dataclass(frozen=True, slots=True)
class Way:
    """One way: `prepare` is called once for each job, `why_not` says why it cannot be gone here."""

    name: str
    carry: Callable[[Trip], None]
    program: str = ""
    package: str = ""
    prepare: Callable[[Job, Path], None] | None = None

    def why_not(self) -> str:
        """Tell what is missing on this machine; "" where nothing is."""
        if self.program and shutil.which(self.program) is None:
            return f"{self.program} is not installed; on Debian: apt install {self.program}"
        return ""

    def version(self) -> str:
        """Return the version of what is foreign in it; "" where nothing is."""
        if self.package:
            return PEERS.pinned(self.package).replace("==", " ")
        if not self.program:
            return ""
        said = subprocess.run([self.program, "--version"], capture_output=True, text=True, check=False)
        return " ".join(said.stdout.replace("version ", "").split()[:2])


def ways() -> tuple[Way, ...]:
    """Return all ways, the limit first."""
    return (
        Way(FLOOR, lambda trip: _bare(trip, "no-fsync")),
        Way(LIMIT, lambda trip: _bare(trip, "fsync")),
        Way(TIDELOG, _tidelog),
        Way("rsync to a folder", lambda trip: _rsync(trip), "rsync"),
        Way("rsync --fsync to a folder", lambda trip: _rsync(trip, "--fsync"), "rsync"),
        Way("rclone to a folder", _rclone, "rclone"),
        Way("wandb sync to a stand-in", _wandb, package="wandb", prepare=_record_with_wandb),
    )


def _tidelog(trip: Trip) -> None:
    data, port, home = trip.folder / "hub", free_port(), trip.folder / "home"
    key = output(*SYNCD, "key", "create", "bench", "--data", data, home=home)
    serve = (*SYNCD, "serve", "--data", data, "--listen", f"127.0.0.1:{port}")
    with waiting(*serve, port=port, home=home) as trip.hub, trip.port_of(port) as at:
        to = f"http://127.0.0.1:{at}"
        trip.agent = bring(*SYNCD, "sync", trip.source, "--to", to, home=home, TIDELOG_API_KEY=key)
    _compare(trip.source / PROJECT, data / PROJECT)


def _bare(trip: Trip, mode: str) -> None:
    port, home = free_port(), trip.folder / "home"
    serve = (*BARE, "serve", str(port), trip.folder, mode)
    with waiting(*serve, port=port, home=home) as trip.hub, trip.port_of(port) as at:
        trip.agent = bring(*BARE, "put", str(at), trip.source, home=home)
    received, sent = (trip.folder / "received").stat().st_size, size_of(trip.source)
    if received != sent:
        raise UploadError(f"{received} of {sent} bytes arrived")


def _rsync(trip: Trip, *options: str) -> None:
    copy = trip.folder / "copy"
    trip.agent = bring("rsync", "-a", *options, f"{trip.source}/", copy, home=trip.folder / "home")
    _compare(trip.source, copy)


def _rclone(trip: Trip) -> None:
    copy, home = trip.folder / "copy", trip.folder / "home"
    trip.agent = bring("rclone", "copy", trip.source, copy, home=home, RCLONE_CONFIG="")
    _compare(trip.source, copy)


def _record_with_wandb(job: Job, source: Path) -> None:
    """Record the same with wandb, once, beside the source."""
    for package in ("wandb", "pillow"):
        PEERS.install(package)
    out = _wandb_folder(source)
    out.mkdir()
    script, run = PEERS.folder / "wandb_runs.py", source / PROJECT / "only"
    output(PEERS.python, script, "--out", out, "--source", run, *job.peer, home=out / "home")


def _wandb(trip: Trip) -> None:
    recorded, port, home = _wandb_folder(trip.source) / "wandb", free_port(), trip.folder / "home"
    for mark in recorded.glob("offline-run-*/*.wandb.sync*"):
        mark.unlink()  # What was carried once would not be carried again.
    runs = sorted(recorded.glob("offline-run-*"))
    serve = (sys.executable, PEERS.folder / "wandb_server.py", str(port), trip.folder / "received")
    with waiting(*serve, port=port, home=home) as trip.hub:
        with trip.port_of(port) as at:
            trip.agent = bring(
                *(PEERS.python.parent / "wandb", "sync", *runs),
                home=home,
                WANDB_BASE_URL=f"http://127.0.0.1:{at}",
                WANDB_API_KEY=WANDB_KEY,
                WANDB_DIR=str(home),
                WANDB_ERROR_REPORTING="false",
            )
        _check_arrived(trip, port)


def _check_arrived(trip: Trip, port: int) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/arrived") as answer:
        arrived = json.load(answer)
    options = dict(zip(trip.job.peer[::2], trip.job.peer[1::2], strict=True))
    rows = int(options.get("--rows", 0)) * int(options.get("--runs", 1))
    sent = 0 if rows else sum(size_of(folder) for folder in (trip.source / PROJECT / "only").glob("*/"))
    if arrived["rows"] < rows or arrived["file_bytes"] < sent:
        raise UploadError(
            f"{arrived['rows']} of {rows} rows arrived, {arrived['file_bytes']} bytes of files of {sent}"
        )


def _wandb_folder(source: Path) -> Path:
    return source.with_name(f"{source.name}-wandb")


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _compare(sent: Path, arrived: Path) -> None:
    """Raise UploadError where what arrived is not what was sent, byte for byte."""
    names = [str(path.relative_to(sent)) for path in sent.rglob("*") if path.is_file()]
    _same, different, lacking = filecmp.cmpfiles(sent, arrived, names, shallow=False)
    if different or lacking:
        raise UploadError(f"{len(different)} files differ, {len(lacking)} are lacking")
