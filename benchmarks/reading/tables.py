"""What the readers did as Markdown: a table per number of rows. No I/O."""

from collections.abc import Callable, Sequence

from benchmarks.markdown import Goal, goals, table
from benchmarks.reading.job import CHECKED_ROWS
from benchmarks.reading.roster import FIRST, READ, ROWS
from benchmarks.reading.rounds import BUDGET_S, LIMIT_S, RSS_BYTES_MAX, Result

MIB = 2**20
ROWS_PER_S_MIN = 3e6

INTRODUCTION = """\
## Reading

The same rows from files: a step, a time, five floats and an int, to a NumPy array per name (to lists
where there is no NumPy)."""

METHOD = """\
### How reading was measured

- Each answer comes from a process of its own, all readers in turn in each of {rounds} rounds; the
  median is given. The time is that from the path to the columns, imports apart. The file was just
  written: it is read from memory, not from a disk.
- Peak memory is the largest resident size above that of the Python interpreter at its start: libraries
  and columns are in it. The columns alone are 64 bytes a row.
- Then the columns are compared with what was written: all rows of {checked:,}, else about as many that
  are evenly spread, and the last.
- A process that takes more than {limit_s:.0f} s or {limit_gib:.0f} GiB is ended. Who would take longer,
  as the time with fewer rows tells, is not tried. A reader that has taken {budget_s:.0f} s in all has no
  further round.
- tidelog's file is that of a Writer in its default durability: a chunk per row, checkpoints; all CRCs
  are checked. wandb's has for each row what wandb-core writes in offline mode, history and summary, by
  wandb's own `DataStore`, last in 0.29. TensorBoard's has an event per value, as `add_scalar` writes it,
  and keeps 32 bits of a float. msgpack's is a dict per row; sqlite3's a table of eight columns, selected
  into `np.fromiter`; Parquet's has pyarrow's defaults.
- Versions: {versions}."""

Line = Callable[[Result], Sequence[str]]


def section(results: Sequence[Result], rounds: int) -> str:
    """Return the section of the page."""
    parts = [INTRODUCTION]
    for rows, same in _sizes(results):
        parts.append(f"### {rows:,} rows\n\n{_columns(same)}\n\n{_parts(same)}")
    if own := [r for r in results if r.name == FIRST and r.rows == ROWS and r.is_measured]:
        rate = own[0].rows / own[0].median("read_s")
        what = f"rows read into columns per second, of {ROWS:,}"
        parts.append(goals([Goal(what, ROWS_PER_S_MIN, rate, is_minimum=True)]))
    method = METHOD.format(
        rounds=rounds,
        checked=CHECKED_ROWS,
        limit_s=LIMIT_S,
        limit_gib=RSS_BYTES_MAX / 2**30,
        budget_s=BUDGET_S,
        versions=", ".join(dict.fromkeys(_version(r) for r in results if r.version)),
    )
    return "\n\n".join([*parts, method])


def terminal(results: Sequence[Result]) -> str:
    """Return the tables alone, for the screen."""
    tables = [f"{rows:,} rows\n\n{_columns(same)}\n\n{_parts(same)}" for rows, same in _sizes(results)]
    return "\n\n".join(tables)


def _sizes(results: Sequence[Result]) -> list[tuple[int, list[Result]]]:
    sizes = dict.fromkeys(result.rows for result in results)
    return [(rows, [r for r in results if r.rows == rows]) for rows in sizes]


def _columns(results: Sequence[Result]) -> str:
    first_s = next((r.median("read_s") for r in results if r.name == FIRST and r.is_measured), None)

    def line(result: Result) -> Sequence[str]:
        read_s = result.median("read_s")
        return (
            f"{read_s:.3f}",
            f"{read_s / first_s:.2f}" if first_s else "",
            f"{result.rows / read_s:,.0f}",
            f"{result.median('peak_bytes') / MIB:.0f}",
            f"{result.bytes / result.rows:.0f}",
        )

    titles = ("all columns", "s", "times the first", "rows/s", "peak, MiB", "bytes per row")
    return _table(titles, [r for r in results if r.question == READ], line)


def _parts(results: Sequence[Result]) -> str:
    def line(result: Result) -> Sequence[str]:
        return f"{result.median('read_s') * 1e3:.1f}", f"{result.median('peak_bytes') / MIB:.0f}"

    return _table(("a part", "ms", "peak, MiB"), [r for r in results if r.question != READ], line)


def _table(titles: Sequence[str], results: Sequence[Result], line: Line) -> str:
    """Return a line per reader; in place of the rounds it says why one was not measured."""
    lines = [
        [r.name, *line(r), str(len(r.samples))]
        if r.is_measured
        else [r.name, *[""] * (len(titles) - 1), r.limit or "not measured"]
        for r in results
    ]
    return table([*titles, "rounds"], lines)


def _version(result: Result) -> str:
    return f"{result.name.partition(',')[0]} {result.version}"
