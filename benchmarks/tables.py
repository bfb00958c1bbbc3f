"""Results as Markdown: ratios to the bare loop first, then absolute numbers. No I/O."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.roster import FLOOR, OWN
from benchmarks.rounds import CPU_ROWS, Result
from benchmarks.upload import LARGE_BYTES, MIB, SMALL_BYTES, Way


class Quantity(NamedTuple):
    """One column: the field of `Sample`, its title and unit, and how its values are written."""

    field: str
    title: str
    unit: str
    text: Callable[[float], str]


class Goal(NamedTuple):
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
GOALS = (
    Goal("log_p50_us", "`log()` p50, times the bare loop", 1.5, is_ratio=True),
    Goal("bytes_per_row", "bytes per row", 85),
    Goal("cpu_s", f"CPU seconds for {CPU_ROWS:,} rows, all processes", 1.0),
    Goal("first_log_s", "seconds from the import to the first `log()`", 0.150),
    Goal("read_rows_per_s", "rows read into columns per second", 3e6, is_minimum=True),
)


INTRODUCTION = """\
# Beside its peers

`make bench` writes this page. The same work for all: rows of 5 floats and 1 int, logged back to
back; medians of {rounds} rounds, in each of which every peer had its turn. Ratios hold from machine
to machine, absolute numbers do not."""

UPLOAD = """\
## Agent to hub, over loopback

One log, from a process that starts for it to a hub on the same machine. The rate is that of the
bytes by which a log of {large_mib} MiB is longer than one of {small_mib} MiB. The bare ends move
bodies of 1 MiB in PUTs, one after the other, and check nothing; tidelog's hub checks every chunk and
answers after its fsync. What arrived is compared byte for byte. Memory is the largest resident size."""

METHOD = """\
## How it was measured

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


def markdown(
    results: Sequence[Result], ways: Sequence[Way], facts: Mapping[str, str], *, rounds: int
) -> str:
    """Return the whole of RESULTS.md."""
    measured = [result for result in results if not result.failure]
    floor = next((result for result in measured if result.name == FLOOR), None)
    own = next((result for result in measured if result.name == OWN), None)
    parts = [INTRODUCTION.format(rounds=rounds)]
    if floor is not None:
        parts.append(f"## In multiples of the bare loop\n\n{_ratios(measured, floor)}")
    if measured:
        parts.append(f"## Absolute\n\n{_absolute(measured, with_rows=True)}")
    if own is not None:
        parts.append(f"## tidelog's goals\n\n{_goals(own, floor)}")
    if carried := [way for way in ways if not way.failure]:
        small_mib, large_mib = SMALL_BYTES // MIB, LARGE_BYTES // MIB
        introduction = UPLOAD.format(small_mib=small_mib, large_mib=large_mib)
        parts.append(f"{introduction}\n\n{_uploads(carried)}")
    if failures := [f"- **{r.name}**: {r.failure}" for r in (*results, *ways) if r.failure]:
        parts.append("## Not measured\n\n" + "\n".join(failures))
    parts.append(METHOD.format(cpu_rows=CPU_ROWS, versions=_versions(results)))
    parts.append("## Where\n\n" + "\n".join(f"- {name}: {fact}" for name, fact in facts.items()))
    return "\n\n".join(parts) + "\n"


def terminal(results: Sequence[Result], ways: Sequence[Way]) -> str:
    """Return the absolute tables alone, for the screen."""
    measured = [result for result in results if not result.failure]
    carried = [way for way in ways if not way.failure]
    shown = [_absolute(measured, with_rows=False)] if measured else []
    return "\n\n".join([*shown, _uploads(carried)] if carried else shown)


def _ratios(measured: Sequence[Result], floor: Result) -> str:
    lines = [
        [r.name, *(f"{r.median(q.field) / floor.median(q.field):.3g}" for q in QUANTITIES)]
        for r in measured
    ]
    return _table(["", *(quantity.title for quantity in QUANTITIES)], lines) + (
        "\n\nOf the rows read back per second more is better, of everything else less."
    )


def _absolute(measured: Sequence[Result], *, with_rows: bool) -> str:
    lines = [[r.name, *(q.text(r.median(q.field)) for q in QUANTITIES)] for r in measured]
    titles = ["", *(", ".join(filter(None, (q.title, q.unit))) for q in QUANTITIES)]
    if with_rows:
        titles += ["rows logged", "when `log()` has returned, the row is"]
        lines = [[*line, f"{r.rows:,}", r.returned] for line, r in zip(lines, measured, strict=True)]
    return _table(titles, lines)


def _uploads(ways: Sequence[Way]) -> str:
    floor = ways[0].rate_mb_s
    lines = [
        [
            way.name,
            f"{way.rate_mb_s / floor:.2f}",
            f"{way.rate_mb_s:.0f}",
            f"{way.start_s:.2f}",
            f"{way.peak_mb('agent'):.0f}",
            f"{way.peak_mb('hub'):.0f}",
        ]
        for way in ways
    ]
    small = f"{SMALL_BYTES // MIB} MiB from start to end, s"
    titles = ["", "times the first", "MB/s", small, "agent, MB", "hub, MB"]
    return _table(titles, lines)


def _goals(own: Result, floor: Result | None) -> str:
    lines = []
    for goal in GOALS:
        if goal.is_ratio and floor is None:
            continue
        value = own.median(goal.field)
        if goal.is_ratio and floor is not None:
            value /= floor.median(goal.field)
        is_met = value >= goal.limit if goal.is_minimum else value <= goal.limit
        bound = "at least" if goal.is_minimum else "at most"
        lines.append([goal.what, f"{bound} {goal.limit:,g}", f"{value:,.3g}", "yes" if is_met else "NO"])
    return _table(["what", "goal", "measured", "met"], lines)


def _versions(results: Sequence[Result]) -> str:
    return ", ".join(f"{r.name} {r.version}" for r in results if r.version)


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in (titles, *lines)) for i in range(len(titles))]

    def written(cells: Sequence[str]) -> str:
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join((first, *others))} |"

    rule = "|" + "|".join(
        "-" * (width + 2) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths)
    )
    return "\n".join([written(titles), rule + "|", *map(written, lines)])
