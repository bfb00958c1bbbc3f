"""`python -m benchmarks`: measure, print the table, write results.json and RESULTS.md beside it."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from benchmarks import machine, rounds, tables, upload
from benchmarks.roster import ROWS, UPLOAD, choose

ROUNDS = 5
HERE = Path(__file__).parent

EXAMPLES = """\
examples:
  python -m benchmarks                                        all of it, under 8 minutes on 2 cores
  python -m benchmarks --only tidelog,bare --rounds 3 --rows 20000    a quick look
  python -m benchmarks --only upload --rounds 1               agent to hub alone
  python -m benchmarks --rounds 1 --output /tmp/look          leave the checked-in results alone

exit status: 0 all were measured, 1 a peer could not be (the table says why), 2 bad usage
"""


def main() -> int:
    """Run the benchmark that the command line asks for and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", metavar="NAME,...", default="", help="these peers alone; `upload` is one"
    )
    parser.add_argument("--rounds", type=_positive, default=ROUNDS, help="default: %(default)s")
    parser.add_argument(
        "--rows",
        type=_positive,
        default=ROWS,
        help="rows of a fast peer; slow ones log a part of it (default: %(default)s)",
    )
    parser.add_argument(
        "--dir", type=Path, help="where the peers write; a disk that you mean to measure"
    )
    parser.add_argument("--output", type=Path, default=HERE, help="where results.json and RESULTS.md go")
    chosen = parser.parse_args()
    names = [name for name in chosen.only.split(",") if name]
    try:
        entries = choose(names)
    except ValueError as error:
        parser.error(str(error))
    try:
        with tempfile.TemporaryDirectory(prefix="tidelog-bench-", dir=chosen.dir) as folder:
            facts = machine.facts(Path(folder))
            results = rounds.run(
                entries,
                rows=chosen.rows,
                rounds=chosen.rounds,
                folder=Path(folder),
                tell=_tell,
            )
            ways = []
            if not names or UPLOAD in names:
                ways = upload.run(rounds=chosen.rounds, folder=Path(folder), tell=_tell)
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130
    page = tables.markdown(results, ways, facts, rounds=chosen.rounds)
    document = {
        "machine": facts,
        "rounds": chosen.rounds,
        "peers": [result.as_json() for result in results],
        "upload": [way.as_json() for way in ways],
    }
    chosen.output.mkdir(parents=True, exist_ok=True)
    (chosen.output / "results.json").write_text(json.dumps(document, indent=2) + "\n")
    (chosen.output / "RESULTS.md").write_text(page)
    print(tables.terminal(results, ways))
    print(f"\nwritten: {chosen.output / 'RESULTS.md'}", file=sys.stderr)
    failed = [result for result in (*results, *ways) if result.failure]
    for result in failed:
        print(f"not measured: {result.name}: {result.failure}", file=sys.stderr)
    return 1 if failed else 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
