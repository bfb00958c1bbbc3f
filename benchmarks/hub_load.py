"""A hub under load: many agents append to many live runs, each waiting for its answer.

    python -m benchmarks.hub_load                                      200 agents, 1,000 runs, 10 minutes
    python -m benchmarks.hub_load --seconds 30 --ways hub,bare         a quick look, beside the limit

The limit is aiohttp that appends a body to a file of its own for each run and answers after its
fdatasync: no key, no digest, no CRC, no rules. All processes share the machine's cores, the agents' too.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from benchmarks.uploading.ends import free_port, is_answering
from tidelog.datastore.format import RECORDS, FileHeader, encode_chunk, encode_file_header, log_tag
from tidelog.datastore.record_encoder import RecordEncoder
from tidelog.syncd.protocol import digest_header, log_path

AGENTS, RUNS, ROWS_PER_APPEND, SECONDS = 200, 1_000, 10, 600.0
LOG_ID = bytes(range(16))
LOG = "main.0001.tlog"
SAMPLES = 10
POLL_S = 0.05
CHECKOUT = Path(__file__).parents[1]


@dataclass(slots=True)
class Result:
    """What was acknowledged in how many seconds; the memory of the other end over time, in bytes."""

    name: str
    seconds: float
    rows: int
    delays_s: list[float] = field(default_factory=list)
    resident_bytes: list[int] = field(default_factory=list)
    cpu_s: float = 0.0
    refused: int = 0

    def quantile_ms(self, part: float) -> float:
        """Return the delay that `part` of the appends did not exceed, in milliseconds."""
        return self.delays_s[min(len(self.delays_s) - 1, int(len(self.delays_s) * part))] * 1e3

    def __str__(self) -> str:
        memory = " ".join(f"{size / 1e6:.0f}" for size in self.resident_bytes)
        appends = len(self.delays_s)
        p50, p99, longest = map(self.quantile_ms, (0.5, 0.99, 1.0))
        return (
            f"{self.name}: {self.rows / self.seconds:,.0f} rows/s in {appends / self.seconds:,.0f} "
            f"appends/s acknowledged; p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {longest:.0f} ms; "
            f"{self.cpu_s / self.seconds:.0%} of a core; "
            f"{self.refused} refused; memory in MB over time: {memory}"
        )


class Feed:
    """The same log for every run, a range at a time; made once, so that agents cost little."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._tag = log_tag(LOG_ID)
        self._encoder = RecordEncoder()
        self._ends = [0]
        self._ranges: list[tuple[bytes, str]] = []

    def range(self, number: int) -> tuple[int, bytes, str]:
        """Return the offset, the bytes and the digest of a range."""
        while number >= len(self._ranges):
            body = b"" if self._ranges else encode_file_header(FileHeader(LOG_ID, 0))
            first = len(self._ranges) * self.rows
            for step in range(first, first + self.rows):
                row = {
                    "loss": 1 / (step + 1),
                    "lr": 1e-3,
                    "grad": step * 0.5,
                    "acc": 0.5,
                    "epoch": step // 100,
                }
                record = self._encoder.row(row, step, 1.7e9 + step)
                body += encode_chunk(RECORDS, step, record, self._tag)
            self._ranges.append((body, digest_header(body)))
            self._ends.append(self._ends[-1] + len(body))
        return self._ends[number], *self._ranges[number]


async def load(
    url: str, key: str, pid: int, *, name: str, agents: int, runs: int, rows: int, seconds: float
) -> Result:
    """Let agents append, each to its runs in turn, until the time is over."""
    feed, result = Feed(rows), Result(name, seconds, 0)
    ends_at = time.monotonic() + seconds

    async def agent(number: int) -> None:
        mine = {f"run-{run}": 0 for run in range(number, runs, agents)}
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
            while True:
                for run, sent in mine.items():
                    offset, body, digest = feed.range(sent)
                    headers = {
                        "Upload-Offset": str(offset),
                        "Tidelog-Log-Id": LOG_ID.hex(),
                        "Content-Digest": digest,
                    }
                    begun = time.monotonic()
                    if begun >= ends_at:
                        return
                    async with session.patch(
                        url + log_path(f"team-{number % 10}", run, LOG), data=body, headers=headers
                    ) as answer:
                        await answer.read()
                    if answer.status != 200:
                        result.refused += 1
                        await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))
                        continue
                    result.delays_s.append(time.monotonic() - begun)
                    result.rows += rows
                    mine[run] = sent + 1

    async def watch() -> None:
        for _ in range(SAMPLES):
            await asyncio.sleep(seconds / SAMPLES)
            result.resident_bytes.append(_resident_bytes(pid))

    before_s = _cpu_s(pid)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        for number in range(agents):
            tasks.create_task(agent(number))
    result.cpu_s = _cpu_s(pid) - before_s
    result.delays_s.sort()
    return result


async def bare(port: int, folder: Path) -> None:
    """Be the limit: append each body to the file of its run, and answer once it is on the disk."""
    fds: dict[str, int] = {}

    def append(path: str, body: bytes) -> None:
        if path not in fds:
            fds[path] = os.open(folder / path.replace("/", "_"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        os.write(fds[path], body)
        os.fdatasync(fds[path])

    async def patch(request: web.Request) -> web.Response:
        await asyncio.to_thread(append, request.path, await request.read())
        return web.Response()

    async def health(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([web.patch("/{path:.*}", patch), web.get("/healthz", health)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def measure(way: str, folder: Path, *, agents: int, runs: int, rows: int, seconds: float) -> Result:
    """Start one of the ways, `hub` or `bare`, put it under load and stop it."""
    data, port, key = folder / way, free_port(), ""
    data.mkdir()
    syncd = (sys.executable, "-m", "tidelog.syncd")
    if way == "hub":
        made = subprocess.run(
            [*syncd, "key", "create", "load", "--data", data], capture_output=True, text=True, check=True
        )
        key = made.stdout.split()[-1]
        command = [*syncd, "serve", "--data", str(data), "--listen", f"127.0.0.1:{port}"]
    else:
        command = [sys.executable, "-m", "benchmarks.hub_load", "--serve-bare", str(port), str(data)]
    with _running(command) as process:
        url = f"http://127.0.0.1:{port}"
        while not is_answering(port):
            time.sleep(POLL_S)
        return asyncio.run(
            load(url, key, process.pid, name=way, agents=agents, runs=runs, rows=rows, seconds=seconds)
        )


@contextlib.contextmanager
def _running(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure what the command line asks for, and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=AGENTS)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--rows", type=int, default=ROWS_PER_APPEND, help="rows in one append")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--ways", default="hub,bare")
    parser.add_argument("--dir", type=Path, help="a folder on the disk that is meant")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve-bare", nargs=2, metavar=("PORT", "FOLDER"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve_bare:
        asyncio.run(bare(int(chosen.serve_bare[0]), Path(chosen.serve_bare[1])))
        return
    with tempfile.TemporaryDirectory(prefix="tidelog-load-", dir=chosen.dir) as name:
        for way in chosen.ways.split(","):
            result = measure(
                way,
                Path(name),
                agents=chosen.agents,
                runs=chosen.runs,
                rows=chosen.rows,
                seconds=chosen.seconds,
            )
            if chosen.json:
                print(
                    json.dumps(
                        {
                            **asdict(result),
                            "delays_s": [result.quantile_ms(q) / 1e3 for q in (0.5, 0.99, 1.0)],
                        }
                    )
                )
            else:
                print(result, flush=True)


if __name__ == "__main__":
    main()
