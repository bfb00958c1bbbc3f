"""Reading rows into columns beside the plain loop, kind by kind: `python -m benchmarks.read_rows`.

The plain loop hands out every chunk by the walk and merges row by row, in the same process and round as
the way through NumPy. What is printed is the median of several rounds; above 1 the plain loop is slower.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tidelog.datastore import Media, Writer
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.merge import RowMerger
from tidelog.datastore.records import ROW
from tidelog.datastore.rows import RowLog, read_rows

ROWS = 50_000
ROUNDS = 7
TINY_LOGS = 200
MEDIA = Media("image", "media/images/a.png", "9f" * 32, 68, {})

Row = dict[str, Any]


def uniform(number: Callable[[], float], step: int) -> Row:
    """Five floats and a counter, as the logging benchmark has them."""
    return {**{name: number() for name in "abcde"}, "n": step}


def alternating(number: Callable[[], float], step: int) -> Row:
    """Two schemas in turn."""
    return {"loss": number()} if step % 2 else {"acc": number(), "lr": number()}


def validated(number: Callable[[], float], step: int) -> Row:
    """Another schema every 50 rows."""
    return {"val/acc": number()} if step % 50 == 49 else uniform(number, step)


def widths(number: Callable[[], float], step: int) -> Row:
    """Ints whose width changes from row to row."""
    return {"hits": int(number() ** 6 * 100_000), "total": int(number() * 70_000)}


def texts(number: Callable[[], float], step: int) -> Row:
    """A float and a text of some length."""
    return {"loss": number(), "note": "x" * (step % 40)}


def media(number: Callable[[], float], step: int) -> Row:
    """A float and an image in each row."""
    return {"loss": number(), "sample": MEDIA, "n": step}


KINDS = (uniform, validated, alternating, widths, texts, media)


def main() -> None:
    """Measure every kind, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of each kind, {ROWS} by default")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"{ROUNDS} by default")
    chosen = parser.parse_args()
    print(f"{'kind':<14} {'M rows/s':>9} {'plain':>9} {'ratio':>7}")
    with tempfile.TemporaryDirectory(prefix="tidelog-bench-") as name:
        for kind, logs in _logs(Path(name), chosen.rows):
            fast, plain = _measure(logs, chosen.rounds)
            print(f"{kind:<14} {fast:>9.2f} {plain:>9.2f} {fast / plain:>7.2f}", flush=True)


def _logs(folder: Path, rows: int) -> Iterator[tuple[str, list[Path]]]:
    for kind in KINDS:
        yield kind.__name__, [_write(folder / kind.__name__, kind, rows)]
    yield "buffered", [_write(folder / "buffered", uniform, rows, durability="buffered")]
    tiny = range(TINY_LOGS)
    yield "tiny logs", [_write(folder / f"tiny{n}", uniform, rows // TINY_LOGS) for n in tiny]


def _write(directory: Path, kind: Any, rows: int, durability: Any = "process") -> Path:
    number = random.Random(1).random
    writer = Writer(directory, durability=durability)
    for step in range(rows):
        writer.log_row(kind(number, step), step=step)
    writer.close()
    return directory / "main.0001.tlog"


def _measure(logs: list[Path], rounds: int) -> tuple[float, float]:
    """Return millions of rows a second, fast and plain."""
    seconds: dict[Any, list[float]] = {_fast: [], _plain: []}
    for _ in range(rounds):
        for way, took in seconds.items():
            began = time.perf_counter()
            rows = sum(way(path) for path in logs)
            took.append((time.perf_counter() - began) / rows)
    fast, plain = (1e-6 / statistics.median(took) for took in seconds.values())
    return fast, plain


def _fast(path: Path) -> int:
    log = LogReader(path)
    found = read_rows([RowLog(log, "main")])
    for name in found.names:
        found.column(name)
    rows = len(found.step_column)
    log.close()
    return rows


def _plain(path: Path) -> int:
    log = LogReader(path)
    merger = RowMerger()
    walk = log.walk()
    for _, content in walk:
        if isinstance(content, list):
            merger.add_rows(walk.schemas, [record for record in content if record[0] == ROW])
    for name in merger.names:
        merger.column(name)
    rows = len(merger.step_column)
    log.close()
    return rows


if __name__ == "__main__":
    main()
