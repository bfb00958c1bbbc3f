"""Replay a seed, or live through many: `cd tests && python -m simulation SEED [--trace]`."""

import argparse
import logging
import os
import sys

HELP = """\
  python -m simulation 1234 --trace            what happened in one seed, request by request
  python -m simulation 0 --count 5000          many seeds; exit 1 and their numbers where one fails
  python -m simulation 0 --count 1000000 --jobs 8
"""


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m simulation", epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seed", type=int, help="the seed, or the first of --count")
    parser.add_argument("--count", type=int, default=1, help="live through so many seeds")
    parser.add_argument(
        "--jobs", type=int, default=1, help="so many processes at a time; 0: one per core"
    )
    parser.add_argument("--first", action="store_true", help="stop at the first seed that fails")
    parser.add_argument("--trace", action="store_true", help="print what happens")
    options = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets of names are walked in the order of their hashes: that belongs to the seed as well.
        environ = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, "-m", "simulation", *sys.argv[1:]], environ)
    # What a hub writes down of requests that failed is no news here.
    logging.getLogger("tidelog.hub").disabled = True
    if options.count > 1:
        from simulation.many import live_all

        jobs = options.jobs or os.cpu_count() or 1
        return live_all(options.seed, options.count, jobs=jobs, is_first_enough=options.first)
    from simulation.seeds import live

    outcome = live(options.seed, is_traced=options.trace)
    if options.trace:
        print("\n".join(outcome.trace))
    print(f"seed {outcome.seed}: {outcome.failure or 'fine'} ({outcome.digest[:12]})")
    return bool(outcome.failure)


if __name__ == "__main__":
    sys.exit(main())
