"""Logging as Markdown: ratios to the bare loop first, then absolute numbers. No I/O."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from benchmarks import markdown
from benchmarks.markdown import table
from benchmarks.roster import FLOOR, OWN
from benchmarks.rounds import CPU_ROWS, Result


class Quantity(NamedTuple):
    """One column: the field of `Sample`, its title and unit, and how its values are written."""

    field: str
    title: str
    unit: str
    text: Callable[[float], str]


class Aim(NamedTuple):
    """What tidelog's own line must reach; with `is_ratio`, in multiples of the bare loop."""

    field: str
    what: str
    limit: float
    is_ratio: bool = False
    is_minimum: bool = False


QUANTITIES = (
    Quantity("log_p50_us", "`log()` p50", "µs", "{:.2f}".format),
    Quantity("log_p99_us", "`log()` p99", "µs", "{:.1f}".format),
    Quantity("bytes_per_row", "bytes per row", "", "{:.0f}".format),
    Quantity("cpu_s", f"CPU for {CPU_ROWS:,} rows", "s", "{:.2f}".format),
    Quantity("read_rows_per_s", "read back", "rows/s", lambda rate: f"{rate:,.0f}"),
    Quantity("first_log_s", "import to first `log()`", "ms", lambda s: f"{s * 1e3:.0f}"),
)
AIMS = (
    Aim("log_p50_us", "`log()` p50, times the bare loop", 1.5, is_ratio=True),
    Aim("bytes_per_row", "bytes per row", 85),
    Aim("cpu_s", f"CPU seconds for {CPU_ROWS:,} rows, all processes", 1.0),
    Aim("first_log_s", "seconds from the import to the first `log()`", 0.150),
)


INTRODUCTION = """\
## Logging

The same work for all: rows of 5 floats and 1 int, logged back to back; medians of {rounds} rounds, in
each of which every peer had its turn."""

METHOD = """\
### How logging was measured

- Every peer runs in a process of its own with its default durability and without its system monitor;
  foreign ones in a virtual environment of their own, offline.
- `log()` is timed call by call with `perf_counter_ns`. Nothing is subtracted: two readings of the
  clock, about 0.1 µs, are in each figure.
- The bare loop packs `[step, time, {{name: value, ...}}]` with a reused `msgpack.Packer`, puts length
  and CRC-32 before it, and calls `os.write` once.
- CPU is user and system time of all processes of a peer, daemons included, from the interpreter's
  start to the end of the last one; making the rows is part of it. Where a peer logged fewer than
  {cpu_rows:,} rows its CPU time is scaled up, without the part that a run of one row costs too.
- Bytes are all that the run's folder holds after the end, divided by the rows.
- Reading back is from files to one column per name. Then every value is compared with what was
  logged. tidelog and trackio read with their own readers, sqlite3 with a `SELECT`; wandb and
  tensorboardX have none, so a small one was written around their own protobuf classes.
- tensorboardX keeps 32 bits of a float; all others keep 64.
- Versions: {versions}."""


def logging_section(results: Sequence[Result], rounds: int) -> str:
    """Return the section of the page on logging."""
    measured = [result for result in results if not result.failure]
    floor = next((result for result in measured if result.name == FLOOR), None)
    own = next((result for result in measured if result.name == OWN), None)
    parts = [INTRODUCTION.format(rounds=rounds)]
    if floor is not None:
        parts.append(f"### In multiples of the bare loop\n\n{_ratios(measured, floor)}")
    if measured:
        parts.append(f"### Absolute\n\n{_absolute(measured, with_rows=True)}")
    if own is not None:
        parts.append(f"### Goals of logging\n\n{markdown.goals(_goals(own, floor))}")
    parts.append(METHOD.format(cpu_rows=CPU_ROWS, versions=_versions(results)))
    return "\n\n".join(parts)


def logged(results: Sequence[Result]) -> str:
    """Return the absolute table of logging, for the screen."""
    measured = [result for result in results if not result.failure]
    return _absolute(measured, with_rows=False) if measured else ""


def _ratios(measured: Sequence[Result], floor: Result) -> str:
    lines = [
        [r.name, *(f"{r.median(q.field) / floor.median(q.field):.3g}" for q in QUANTITIES)]
        for r in measured
    ]
    return table(["", *(quantity.title for quantity in QUANTITIES)], lines) + (
        "\n\nOf the rows read back per second more is better, of everything else less."
    )


def _absolute(measured: Sequence[Result], *, with_rows: bool) -> str:
    lines = [[r.name, *(q.text(r.median(q.field)) for q in QUANTITIES)] for r in measured]
    titles = ["", *(", ".join(filter(None, (q.title, q.unit))) for q in QUANTITIES)]
    if with_rows:
        titles += ["rows logged", "when `log()` has returned, the row is"]
        lines = [[*line, f"{r.rows:,}", r.returned] for line, r in zip(lines, measured, strict=True)]
    return table(titles, lines)


def _goals(own: Result, floor: Result | None) -> list[markdown.Goal]:
    found = []
    for aim in AIMS:
        if aim.is_ratio and floor is None:
            continue
        value = own.median(aim.field)
        if aim.is_ratio and floor is not None:
            value /= floor.median(aim.field)
        found.append(markdown.Goal(aim.what, aim.limit, value, aim.is_minimum))
    return found


def _versions(results: Sequence[Result]) -> str:
    return ", ".join(f"{r.name} {r.version}" for r in results if r.version)
