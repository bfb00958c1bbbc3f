"""Ends a process that cannot end: a thread that waits for a file server which is away waits for ever."""

import os
import threading
from collections.abc import Callable

STOPPED = 0


def end_at_the_latest(after_s: float, *, tell: Callable[[str], None]) -> None:
    """End this process after so long, whatever its threads do, unless it has ended by then.

    Nothing is lost by it that a SIGKILL would not spare: what was acknowledged is on the disk.
    """
    timer = threading.Timer(after_s, _end, (tell, after_s))
    timer.daemon = True
    timer.start()


def _end(tell: Callable[[str], None], after_s: float) -> None:
    tell(f"something that is under way has not ended after {after_s:g} s, such as a look at a hung disk")
    os._exit(STOPPED)
