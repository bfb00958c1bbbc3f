"""The two ends of an upload as processes: one that waits for bytes, one that brings them and ends."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import environment, memory

DEADLINE_S = 60.0
POLL_S = 0.01
CHECKOUT = Path(__file__).parents[2]
TIMED = (sys.executable, "-m", "benchmarks.uploading.timed")
TICKS_PER_S = 100

Command = Sequence[str | Path]


class UploadError(Exception):
    """One of the two ends failed; the text says how."""


@dataclass(slots=True)
class Costs:
    """What one end took: seconds, processor seconds of all its processes, the most memory of one."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_bytes: int = 0


def output(*command: str | Path, home: Path) -> str:
    """Return what a command prints."""
    done = subprocess.run(
        command, capture_output=True, text=True, env=_variables(home), cwd=CHECKOUT, check=False
    )
    if done.returncode:
        raise UploadError(f"{Path(command[0]).name}: {_last_line(done.stderr)}")
    return done.stdout.strip()


def bring(*command: str | Path, home: Path, **more: str) -> Costs:
    """Run a command that carries something to its end, and return what it took."""
    done = subprocess.run(
        [*TIMED, *command],
        capture_output=True,
        text=True,
        env={**_variables(home), **more},
        cwd=CHECKOUT,
        check=False,
    )
    if done.returncode:
        raise UploadError(f"{Path(command[0]).name}: {_last_line(done.stderr)}")
    return Costs(**json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def waiting(*command: str | Path, port: int, home: Path) -> Iterator[Costs]:
    """Run an end that waits on a port while the block runs; what it took is known behind the block."""
    home.mkdir(parents=True, exist_ok=True)
    costs, talk = Costs(), home / "waiting.log"
    with talk.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_variables(home), cwd=CHECKOUT)
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not is_answering(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise UploadError(_last_line(talk.read_text()))
            time.sleep(POLL_S)
        before_s = _cpu_s(process.pid)
        yield costs
        costs.cpu_s = _cpu_s(process.pid) - before_s
        costs.peak_bytes = memory.peak_bytes(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_S)
        except BaseException:
            process.kill()
            process.wait()
            raise


def free_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _variables(home: Path) -> dict[str, str]:
    return environment.variables(home, is_offline=False)


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process so far, 0 where /proc does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def is_answering(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1.0):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "ended without a word"
