"""`python -m benchmarks`: measure, print the tables, write results.json and RESULTS.md beside it."""

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import machine, page
from benchmarks.parts import Choices, Part, choose_parts
from benchmarks.reading.roster import ROWS as READ_ROWS
from benchmarks.roster import ROWS

ROUNDS = 5
CHECKPOINT_MIB = 2048
HERE = Path(__file__).parent

EXAMPLES = """\
parts:
  logging    log() beside its peers, which may be named one by one
  training   what a training loop pays for log(), beside its peers
  reading    files to columns beside other formats and their readers
  large      the summary and one metric of a log of over 1 GB; only where it is named
  listing    a root of 10,000 runs
  follow     from log() in one process to follow() in another
  watching   a daemon over 10,000 and over 100,000 runs; only where it is named: 5 minutes
  upload     agent to hub: rows, many runs, many images, a checkpoint; beside wandb sync, rsync, rclone

examples:
  python -m benchmarks                                        all but the two, 15 minutes on 2 cores
  python -m benchmarks --only tidelog,bare --rounds 3 --rows 20000    a quick look
  python -m benchmarks --only upload --rounds 1 --checkpoint-mib 64   agent to hub alone, 4 minutes
  python -m benchmarks --only reading,large,listing,follow --read-rows 100000,10000000
                                         what `make bench-read` runs: 20 minutes, 4 GB in --dir
  python -m benchmarks --rounds 1 --output /tmp/look          leave the checked-in results alone

Parts that a command does not measure keep the figures that they have in --output; each is written as
soon as it is measured. The peers' packages are installed into benchmarks/*/.venv. All files lie in a
temporary folder, which is removed, also on Ctrl-C.

exit status: 0 all were measured, 1 a peer could not be (the page says why), 2 bad usage, 130 interrupted
"""


def main() -> int:
    """Run the benchmark that the command line asks for and return the exit status."""
    parser = _parser()
    chosen = parser.parse_args()
    names = [name for name in chosen.only.split(",") if name]
    try:
        parts = choose_parts(names)
    except ValueError as error:
        parser.error(str(error))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # So that it cleans up as Ctrl-C does.
    try:
        with tempfile.TemporaryDirectory(prefix="tidelog-bench-", dir=chosen.dir) as name:
            folder = Path(name)
            choices = Choices(
                names, chosen.rows, chosen.read_rows, chosen.rounds, chosen.checkpoint_mib, folder, _tell
            )
            found = _measure(parts, choices, chosen.output)
    except KeyboardInterrupt:
        print("interrupted: the parts that were measured to their end are written", file=sys.stderr)
        return 130
    for part in parts:
        print(f"\n{part.name}\n\n{part.terminal(found[part.name])}")
    print(f"\nwritten: {chosen.output / page.MARKDOWN}", file=sys.stderr)
    failed = [result for part in parts for result in found[part.name] if result.failure]
    for result in failed:
        print(f"not measured: {result.name}: {result.failure}", file=sys.stderr)
    return 1 if failed else 0


def _measure(parts: tuple[Part, ...], choices: Choices, output: Path) -> dict[str, Any]:
    """Return part -> its results. Each is written when it is measured: what comes after it may fail."""
    found = {}
    facts = machine.facts(choices.folder)
    for part in parts:
        found[part.name] = results = part.measure(choices)
        told = [result.as_json() for result in results]
        measured = {"machine": facts, "rounds": choices.rounds, "results": told}
        page.save(output, {**page.load(output), part.name: measured})
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--only", metavar="NAME,...", default="", help="these parts alone, or these peers of the logging"
    )
    parser.add_argument("--rounds", type=_positive, default=ROUNDS, help="default: %(default)s")
    parser.add_argument(
        "--rows",
        type=_positive,
        default=ROWS,
        help="rows that a fast peer logs; slow ones log a part of it (default: %(default)s)",
    )
    parser.add_argument(
        "--read-rows",
        type=_several_positive,
        default=[READ_ROWS],
        metavar="N,...",
        help=f"rows in the files that are read (default: {READ_ROWS})",
    )
    parser.add_argument(
        "--checkpoint-mib",
        type=_positive,
        default=CHECKPOINT_MIB,
        metavar="N",
        help="size of the one large file that is uploaded (default: %(default)s)",
    )
    parser.add_argument(
        "--dir", type=Path, help="where the peers write; a disk that you mean to measure"
    )
    parser.add_argument("--output", type=Path, default=HERE, help="where results.json and RESULTS.md go")
    return parser


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _several_positive(text: str) -> list[int]:
    return [_positive(number) for number in text.split(",")]


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
