"""Standard output that may lead into a pipe whose reader has gone away, as behind `| head`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tidelog.datastore.disk import Disk


@contextmanager
def while_read() -> Iterator[None]:
    """End the block, without an error, where nobody reads any more what it prints."""
    try:
        yield
    except BrokenPipeError:
        # What is still buffered is flushed at exit: it must go somewhere.
        os.dup2(Disk().open_append(os.devnull), sys.stdout.fileno())
