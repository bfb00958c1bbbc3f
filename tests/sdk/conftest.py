"""What the tests of the SDK share: a process's runs of its own, and training scripts that are run."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from waiting import PATIENCE_S

from tidelog.sdk.current import Current
from tidelog.sdk.recording import Run

Begin = Callable[..., Run]
StartScript = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def current() -> Iterator[Current]:
    """Give the runs of a process, with no settings in its environment; all are finished at the end."""
    current = Current(environ={"HOME": os.environ["HOME"], "TIDELOG_MONITOR": "off"})
    yield current
    current.finish_all()


@pytest.fixture
def begin(current: Current, tmp_path: Path) -> Begin:
    """Give what begins a run below `tmp_path / "root"`."""

    def begin(**arguments: object) -> Run:
        known = {"project": "p", "mode": "offline", "dir": tmp_path / "root", **arguments}
        return current.init(known)

    return begin


@pytest.fixture
def start_script(tmp_path: Path) -> Iterator[StartScript]:
    """Give what starts a training script as a process; `sdk` is imported and `ROOT` is set in it."""
    processes = []

    def start(
        code: str, *arguments: str, stdin: int = subprocess.DEVNULL, **environ: str
    ) -> subprocess.Popen[str]:
        head = f"import os, sys, time\nfrom tidelog import sdk\nROOT = {str(tmp_path / 'root')!r}\n"
        script = tmp_path / f"train{len(processes)}.py"
        script.write_text(head + textwrap.dedent(code))
        process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **environ},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def run_script(start_script: StartScript) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give what runs a training script to its end."""

    def run(code: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        process = start_script(code, *arguments, **environ)
        out, err = process.communicate(timeout=PATIENCE_S)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


@pytest.fixture
def only_run(tmp_path: Path) -> Callable[[], Path]:
    """Give what returns the one run directory below `tmp_path / "root"`."""

    def find() -> Path:
        (run,) = {log.parent for log in (tmp_path / "root").glob("*/*/*.tlog")}
        return run

    return find
