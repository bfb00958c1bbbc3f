"""Runs one command to its very end and tells what it took.

    python -m benchmarks.uploading.timed COMMAND...

Prints one line of JSON: wall seconds, CPU seconds of all its processes, the largest resident size among
them. A process of its own, because whoever counts daemons waits for all children, and a hub is one.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

from benchmarks import process_tree

DEADLINE_S = 600.0


def main() -> None:
    """Run the command in the folder that we are in."""
    process_tree.adopt_orphans()
    started = time.perf_counter()
    try:
        outcome = process_tree.run(
            sys.argv[1:], environ=os.environ, folder=Path.cwd(), deadline_s=DEADLINE_S
        )
    except process_tree.CommandError as error:
        sys.exit(str(error))
    wall_s = time.perf_counter() - started
    peak_bytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(json.dumps({"wall_s": wall_s, "cpu_s": outcome.cpu_s, "peak_bytes": peak_bytes}))


if __name__ == "__main__":
    main()
