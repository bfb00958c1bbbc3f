"""What a fork waits for: that none of our threads is in the middle of an import.

A module that is being loaded is locked by the thread that loads it. A forked child lacks that thread,
so the lock is never given back there, and the child's own import of the module waits for ever. Workers
are forked right behind `init()`, while our threads load what can wait.
"""

import sys
import threading
import time
from types import FrameType

THREADS_NAMED = "tidelog-"
IMPORT_CODE = "<frozen importlib._bootstrap>"
IMPORT_PATIENCE_S = 2.0
"""Our imports take milliseconds; a disk that does not answer must not keep who forks."""
PAUSE_S = 0.001


def wait_for_imports() -> None:
    """Return when no thread of ours loads a module, after `IMPORT_PATIENCE_S` at the latest."""
    until = time.monotonic() + IMPORT_PATIENCE_S
    # Even a pause of 0 gives the interpreter away: whoever gets it back keeps it long enough to fork.
    time.sleep(0)
    while _is_any_importing() and time.monotonic() < until:
        time.sleep(PAUSE_S)


def _is_any_importing() -> bool:
    frames = sys._current_frames()
    me = threading.get_ident()
    ours = [t.ident for t in threading.enumerate() if t.name.startswith(THREADS_NAMED)]
    return any(_is_importing(frames[ident]) for ident in ours if ident in frames and ident != me)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == IMPORT_CODE:
            return True
        frame = frame.f_back
    return False
