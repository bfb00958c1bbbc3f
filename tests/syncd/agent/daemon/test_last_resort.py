"""A process that hangs in a thread ends all the same."""

import subprocess
import sys

from waiting import PATIENCE_S

PROGRAM = """
import asyncio, sys, threading
from tidelog.syncd.agent.daemon.last_resort import end_at_the_latest

async def main():
    # As a look at a root on a server that is away.
    looking = asyncio.ensure_future(asyncio.to_thread(threading.Event().wait))
    await asyncio.sleep(0)
    end_at_the_latest(0.2, tell=lambda line: print(line, flush=True))

asyncio.run(main())
"""


def test_a_thread_that_never_ends_does_not_keep_the_process() -> None:
    """It says so, and ends as a service that was told to stop."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (0, True) == (done.returncode, "has not ended after 0.2 s" in done.stdout), done


def test_a_process_that_ends_by_itself_is_left_alone() -> None:
    """Nothing waits for the deadline."""
    program = PROGRAM.replace("threading.Event().wait", "int").replace("0.2", "3600")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (0, "") == (done.returncode, done.stdout)
