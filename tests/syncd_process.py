"""Real processes of syncd for tests: a hub, a daemon, or any command."""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

from waiting import PATIENCE_S


def run_syncd(
    *arguments: str | Path, stdin: str | None = None, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tidelog.syncd", *map(str, arguments)],
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
        check=False,
    )


class SyncdProcess:
    """A command that runs until it is told to stop; its stderr is read line by line."""

    def __init__(self, *arguments: str | Path, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tidelog.syncd", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self._draining: threading.Thread | None = None
        self.said: deque[str] = deque(maxlen=1000)

    @property
    def pid(self) -> int:
        return self._process.pid

    def line_with(self, text: str) -> str:
        """Return the next line of stderr that holds `text`; fails when the process ends before."""
        assert self._process.stderr is not None
        seen = []
        for line in self._process.stderr:
            if text in line:
                return line.strip()
            seen.append(line)
        raise AssertionError(f"the process ended without {text!r}: {''.join(seen)}")

    def drain(self) -> None:
        """Read what else it says, so that a full pipe does not stop it; the end of it is in `said`."""
        stderr = self._process.stderr
        assert stderr is not None
        self._draining = threading.Thread(target=lambda: self.said.extend(stderr))
        self._draining.start()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> int:
        """Kill it, and return how it ended: it may have been faster."""
        self._process.kill()
        return self._end()

    def terminate(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._end()

    def wait(self) -> int:
        """Return the exit code once the process ends by itself."""
        return self._end()

    def _end(self) -> int:
        code = self._process.wait(PATIENCE_S)
        if self._draining is not None:
            self._draining.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
        return code

    def __enter__(self) -> "SyncdProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._end()


class HubProcess(SyncdProcess):
    """A hub over a data folder on a port of its own; `url` says where."""

    def __init__(self, data: Path, *, port: int = 0) -> None:
        super().__init__("serve", "--data", data, "--listen", f"127.0.0.1:{port}")
        self.url = self.line_with("listening on").split()[-1]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def make_key(data: Path) -> str:
    """Create a key of a hub's data folder; every test's hub has its own."""
    from tidelog.syncd.hub.guard.key_file import KeyFile

    return KeyFile(data).create("test")
