"""Agent to hub over loopback, beside bare aiohttp: bytes per second, and the memory of both ends.

Two logs are carried each time, a small and a large one, by processes that start for it; the rate is that
of the bytes by which they differ, so that starting Python counts at neither side.
"""

import contextlib
import filecmp
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.peers.job import row

MIB = 1024 * 1024
SMALL_BYTES = 8 * MIB
LARGE_BYTES = 136 * MIB
WIDE_NAMES = 100
DEADLINE_S = 120.0
POLL_S = 0.01

SYNCD = (sys.executable, "-m", "tidelog.syncd")
BARE = (sys.executable, Path(__file__).parent / "bare_http.py")


class UploadError(Exception):
    """A hub or an agent failed; the text says how."""


@dataclass(frozen=True, slots=True)
class Carried:
    """One log that arrived: how long it took and what the two ends had in memory at most."""

    size_bytes: int
    wall_s: float
    agent_rss_mb: float
    hub_rss_mb: float


@dataclass(slots=True)
class Way:
    """One way to carry a log; `failure` is the reason why there is nothing more to tell."""

    name: str
    carry: Callable[[Path, Path], Carried]
    rows_of: str
    failure: str = ""
    rates_mb_s: list[float] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)

    @property
    def rate_mb_s(self) -> float:
        """The median over the rounds, in 10^6 bytes per second."""
        return statistics.median(self.rates_mb_s)

    @property
    def start_s(self) -> float:
        """The median time of the small log: nearly all of it is the start of the agent's process."""
        return statistics.median(carried.wall_s for carried in self.carried[::2])

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "name": self.name,
            "failure": self.failure,
            "rates_mb_s": self.rates_mb_s,
            "carried": [asdict(carried) for carried in self.carried],
        }

    def peak_mb(self, end: str) -> float:
        """Return the most memory that one end, "agent" or "hub", ever had."""
        return max(getattr(carried, f"{end}_rss_mb") for carried in self.carried)


def run(*, rounds: int, folder: Path, tell: Callable[[str], None]) -> list[Way]:
    """Carry the logs in each way in turn, round after round."""
    ways = [
        Way("bare aiohttp", _bare("no-fsync"), "narrow"),
        Way("bare aiohttp, fdatasync per PUT", _bare("fsync"), "narrow"),
        Way("tidelog, rows of 6 values", _tidelog, "narrow"),
        Way(f"tidelog, rows of {WIDE_NAMES} values", _tidelog, "wide"),
    ]
    tell("writing the logs to upload")
    logs = {
        (kind, size): _write_log(folder / "logs" / f"{kind}-{size}", kind, size)
        for kind in ("narrow", "wide")
        for size in (SMALL_BYTES, LARGE_BYTES)
    }
    for number in range(rounds):
        for way in ways:
            if way.failure:
                continue
            tell(f"upload, round {number + 1} of {rounds}: {way.name}")
            try:
                small, large = (
                    way.carry(logs[way.rows_of, size], folder / "upload")
                    for size in (SMALL_BYTES, LARGE_BYTES)
                )
            except UploadError as error:
                way.failure = str(error)
                tell(f"{way.name} FAILED: {error}")
                continue
            more_bytes, more_s = large.size_bytes - small.size_bytes, large.wall_s - small.wall_s
            way.rates_mb_s.append(more_bytes / more_s / 1e6)
            way.carried += [small, large]
    return ways


def _write_log(directory: Path, kind: str, size_bytes: int) -> Path:
    """Write one run with one log of about `size_bytes`, in the default durability."""
    from tidelog.datastore import Writer

    writer = Writer(directory)
    index = 0
    while writer.path.stat().st_size < size_bytes:
        for _ in range(1000):
            values = row(index)
            if kind == "wide":
                values = {
                    f"{name}/{i}": values[name]
                    for i in range(WIDE_NAMES // 5)
                    for name in (*values,)[:5]
                }
            writer.log_row(values, step=index)
            index += 1
    writer.close()
    return writer.path


def _bare(mode: str) -> Callable[[Path, Path], Carried]:
    def carry(log: Path, folder: Path) -> Carried:
        with _fresh(folder):
            port = _free_port()
            with _hub((*BARE, "serve", str(port), folder, mode), port, folder) as hub:
                wall_s, agent_rss_mb = _time((*BARE, "put", str(port), log), folder)
                hub_rss_mb = _peak_rss_mb(hub.pid)
            _compare(log, folder / "received")
            return Carried(log.stat().st_size, wall_s, agent_rss_mb, hub_rss_mb)

    return carry


def _tidelog(log: Path, folder: Path) -> Carried:
    with _fresh(folder):
        data, port = folder / "hub", _free_port()
        url = f"http://127.0.0.1:{port}"
        key = _output(*SYNCD, "key", "create", "bench", "--data", data, folder=folder)
        serve = (*SYNCD, "serve", "--data", data, "--listen", f"127.0.0.1:{port}")
        with _hub(serve, port, folder) as hub:
            sync = (*SYNCD, "sync", log.parent, "--to", url)
            wall_s, agent_rss_mb = _time(sync, folder, TIDELOG_API_KEY=key)
            hub_rss_mb = _peak_rss_mb(hub.pid)
        (received,) = data.glob(f"*/{log.parent.name}/{log.name}")
        _compare(log, received)
        return Carried(log.stat().st_size, wall_s, agent_rss_mb, hub_rss_mb)


# -- processes -----------------------------------------------------------------------------------


@contextlib.contextmanager
def _fresh(folder: Path) -> Iterator[None]:
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _variables(folder: Path, **more: str) -> Mapping[str, str]:
    return {**environment.variables(folder / "home", is_offline=False), **more}


def _output(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=_variables(folder), check=False)
    if done.returncode:
        raise UploadError(_last_line(done.stderr, command))
    return done.stdout.strip()


@contextlib.contextmanager
def _hub(command: tuple[str | Path, ...], port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a hub until the block ends; it answers when the block begins."""
    with (folder / "hub.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_variables(folder))
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not _is_answering(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise UploadError(_last_line((folder / "hub.log").read_text(), command))
            time.sleep(POLL_S)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_S)
        except BaseException:
            process.kill()
            process.wait()
            raise


def _time(command: tuple[str | Path, ...], folder: Path, **more: str) -> tuple[float, float]:
    """Run an agent to its end; return the wall seconds and its largest memory, in 10^6 bytes."""
    started, rss_mb = time.perf_counter(), 0.0
    with (folder / "agent.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_variables(folder, **more))
    try:
        while process.poll() is None:
            rss_mb = max(rss_mb, _peak_rss_mb(process.pid))
            if time.perf_counter() - started > DEADLINE_S:
                raise UploadError(f"{_shown(command)} took over {DEADLINE_S:.0f} s")
            time.sleep(POLL_S)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise UploadError(_last_line((folder / "agent.log").read_text(), command))
    return time.perf_counter() - started, rss_mb


def _peak_rss_mb(pid: int) -> float:
    """Return the largest resident size that a process had so far; 0 where /proc does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    sizes_kb = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")]
    return sizes_kb[0] * 1024 / 1e6 if sizes_kb else 0.0


def _is_answering(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1.0):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _compare(log: Path, received: Path) -> None:
    if not filecmp.cmp(log, received, shallow=False):
        raise UploadError(f"{received.name} is not what was sent")


def _shown(command: tuple[str | Path, ...]) -> str:
    return " ".join(os.path.basename(part) for part in command)


def _last_line(text: str, command: tuple[str | Path, ...]) -> str:
    lines = text.strip().splitlines()
    return f"{_shown(command)}: {lines[-1] if lines else 'ended without a word'}"
