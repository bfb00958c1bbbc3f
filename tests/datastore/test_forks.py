"""Forks while a thread of ours loads a module: real processes, real module locks."""

import subprocess
import sys
from pathlib import Path

from waiting import PATIENCE_S

FORK = """
import os, signal, sys, threading
sys.path.insert(0, ".")
from tidelog.datastore import Writer

def load():
    import slow

threading.Thread(target=load, name="tidelog-test", daemon=True).start()
while not os.path.exists("begun"):
    pass
pid = os.fork()
if not pid:
    signal.alarm(20)
    if sys.argv[1] == "imports":
        import slow
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
os._exit(0)
"""


def fork(folder: Path, *, load_s: float, child: str) -> str:
    (folder / "slow.py").write_text(f"import time\nopen('begun', 'w').close()\ntime.sleep({load_s})\n")
    command = [sys.executable, "-c", FORK, child]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    ).stdout


def test_a_forked_child_can_import_what_a_thread_of_ours_was_loading(tmp_path: Path) -> None:
    """The fork waits until it is loaded: else the child would wait for ever for a lock of nobody."""
    assert "7\n" == fork(tmp_path, load_s=0.5, child="imports")


def test_a_fork_waits_for_no_import_that_does_not_end(tmp_path: Path) -> None:
    """A disk that does not answer keeps our thread, not who forks."""
    assert "7\n" == fork(tmp_path, load_s=3600, child="does not")
