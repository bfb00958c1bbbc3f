"""Replay a seed, or live through many: `cd tests && python -m simulation SEED [--trace]`."""

import argparse
import logging
import os
import sys

HELP = """\
  python -m simulation 1234 --trace            what happened in one seed, request by request
  python -m simulation 0 --count 5000          many seeds; exit 1 and their numbers where one fails
"""


def main() -> int:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m simulation", epilog=HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("seed", type=int)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--trace", action="store_true")
    options = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets of names are walked in the order of their hashes: that belongs to the seed as well.
        environ = {**os.environ, "PYTHONHASHSEED": "0"}
        os.execve(sys.executable, [sys.executable, "-m", "simulation", *sys.argv[1:]], environ)
    # What a hub writes down of requests that failed is no news here.
    logging.getLogger("tidelog.hub").disabled = True
    from simulation.seeds import live, live_all

    if options.count > 1:
        failed, figures = live_all(options.seed, options.count)
        for outcome in failed:
            print(f"seed {outcome.seed}: {outcome.failure}")
            print(f"  cd tests && python -m simulation {outcome.seed} --trace")
        print(figures)
        return bool(failed)
    outcome = live(options.seed, is_traced=options.trace)
    if options.trace:
        print("\n".join(outcome.trace))
    print(f"seed {outcome.seed}: {outcome.failure or 'fine'} ({outcome.digest[:12]})")
    return bool(outcome.failure)


if __name__ == "__main__":
    sys.exit(main())
