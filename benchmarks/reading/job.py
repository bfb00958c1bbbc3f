"""What one format does in one process: write the rows, or answer one question about them.

    python -m benchmarks.reading.tidelog_log --rows 100000 --path FILE                 writes
    python -m benchmarks.reading.tidelog_log --rows 100000 --path FILE --ask read      reads and checks

One line of JSON on stdout. `--without numpy` hides a package. Imports next to nothing, so that what
a reader needs counts as its own memory; runs in two virtual environments: no tidelog in here.
"""

import os
import sys
from time import perf_counter_ns

from benchmarks import memory
from benchmarks.reading.rows import NAMES, row

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.reading.contract import Columns, Format

CHECKED_ROWS = 50_000


def main(reader: "Format") -> None:
    """Do what the command line asks for and print what was measured."""
    start_bytes = memory.resident_bytes()
    arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
    path, rows = arguments.get("--path"), int(arguments.get("--rows", "0"))
    if not path or not rows:
        sys.exit(f"usage: {sys.argv[0]} --rows N --path PATH [--ask QUESTION] [--without PACKAGE]")
    if "--without" in arguments:
        sys.modules[arguments["--without"]] = None  # type: ignore[assignment] - Python's own way.
    # Libraries chat on stdout; the JSON goes to the real one, the chat to stderr.
    answer = os.dup(1)
    os.dup2(2, 1)
    if "--ask" in arguments:
        measured = _ask(reader, arguments["--ask"], path, rows, start_bytes)
    else:
        reader.prepare(path, rows)
        measured = {"bytes": _bytes_below(path)}
    import json

    os.write(answer, json.dumps(measured).encode() + b"\n")


def _ask(reader: "Format", question: str, path: str, rows: int, start_bytes: int) -> dict[str, object]:
    """Time one question, imports apart, and refuse columns that are not what was written."""
    reader.load()
    memory.forget_peak()
    loaded_bytes = memory.resident_bytes()
    started = perf_counter_ns()
    answer = getattr(reader, question)(path)
    read_s = (perf_counter_ns() - started) / 1e9
    peak_bytes = memory.peak_bytes()
    if question == "summary":
        _check_summary(answer, rows)
    else:
        _check(answer, rows, reader.float_error_max)
    from importlib.metadata import version

    return {
        "read_s": read_s,
        "peak_bytes": peak_bytes - start_bytes,
        "working_bytes": peak_bytes - loaded_bytes,
        "result_bytes": sum(getattr(column, "nbytes", 0) for column in answer.values()),
        "version": version(reader.package) if reader.package else reader.version,
    }


def _check(columns: "Columns", rows: int, error_max: float) -> None:
    """Compare rows that are evenly spread, all of them where they are few, and always the last."""
    if unknown := [name for name in columns if name not in NAMES]:
        sys.exit(f"{unknown} are no columns of {NAMES}")
    for name, column in columns.items():
        if len(column) != rows:
            sys.exit(f"{rows} rows were written and {len(column)} of {name} read back")
    for index in {*range(0, rows, -(-rows // CHECKED_ROWS)), rows - 1}:
        expected = row(index)
        for name, column in columns.items():
            if abs(column[index] - expected[name]) > error_max:
                sys.exit(f"row {index}: {name} is {column[index]!r}, was {expected[name]!r}")


def _check_summary(summary: "Mapping[str, float]", rows: int) -> None:
    last = {name: value for name, value in row(rows - 1).items() if not name.startswith("_")}
    if dict(summary) != last:
        sys.exit(f"the summary is {summary}, the last row was {last}")


def _bytes_below(path: str) -> int:
    if os.path.isfile(path):
        return os.stat(path).st_size
    return sum(
        os.lstat(os.path.join(where, name)).st_size
        for where, _folders, names in os.walk(path)
        for name in names
    )
