"""Offline is silent: no network is asked for, by Python, by C code, or by a process that is started."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import PATIENCE_S

from tidelog.datastore import Reader

RunScript = Callable[..., subprocess.CompletedProcess[str]]
OnlyRun = Callable[[], Path]
HERE = str(Path(__file__).parent)

FORBID = f"sys.path.insert(0, {HERE!r})\nimport no_network\nno_network.forbid()\n"

WHOLE_RUN = """
with open("weights.bin", "wb") as file:
    file.write(b"weights")
settings = {"console": "redirect", "monitor": 0.1}
run = sdk.init(
    project="p", dir=ROOT, mode="offline", config={"lr": 1}, save_code=True, settings=settings
)
for step in range(20):
    print("step", step)
    run.log({"loss": 1 / (step + 1), "image": sdk.Image([[0, step], [1, 0]])})
    time.sleep(0.02)
run.log({"table": sdk.Table(columns=["a"], data=[[1]]), "histogram": sdk.Histogram([1, 2, 3])})
run.save("weights.bin")
run.alert("done")
os.system("echo from a child")
run.finish()
"""


CHILD = """
import subprocess
child = subprocess.run([sys.executable, "-c", "import socket; socket.socket()"])
os.kill(os.getpid(), -child.returncode)
"""


def check_whole(directory: Path) -> None:
    with Reader(directory) as run:
        losses = [r.data["loss"] for r in run.records() if r.kind == "row" and "loss" in r.data]
        assert (20, 1, "finished") == (len(losses), run.config["lr"], run.state)
        assert 20 == len(run.media("images"))
        assert "files/weights.bin" in [file.path for file in run.files()]


@pytest.mark.parametrize(
    "ask",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)",
        "import ctypes; ctypes.CDLL(None).socket(2, 1, 0)",
        "import ctypes; ctypes.CDLL(None).connect(1, b'', 0)",
        CHILD,
    ],
)
def test_whoever_asks_for_a_network_is_killed(ask: str, run_script: RunScript) -> None:
    """The trap of the test below catches Python, C code and children."""
    result = run_script(FORBID + ask)
    assert -signal.SIGSYS == result.returncode


def test_a_whole_offline_run_asks_for_no_network(run_script: RunScript, only_run: OnlyRun) -> None:
    """With a hub configured, media, files, code, console, monitor: no process of it is killed."""
    report = (
        "import resource\nprint('children', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0)"
    )
    result = run_script(
        FORBID + WHOLE_RUN + report, TIDELOG_HUB="http://127.0.0.1:9", TIDELOG_API_KEY="secret"
    )
    assert 0 == result.returncode, result.stderr
    assert "Bad system call" not in result.stderr
    assert "children True" in result.stdout
    check_whole(only_run())


def test_a_whole_run_without_a_network(tmp_path: Path, only_run: OnlyRun) -> None:
    """In a network namespace of its own, where not even the loopback is up."""
    head = f"import os, sys, time\nfrom tidelog import sdk\nROOT = {str(tmp_path / 'root')!r}\n"
    (tmp_path / "train.py").write_text(head + WHOLE_RUN)
    rights = ["--net"] if os.geteuid() == 0 else ["--net", "--user", "--map-root-user"]
    result = subprocess.run(
        ["unshare", *rights, sys.executable, "train.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert 0 == result.returncode, result.stderr
    check_whole(only_run())
