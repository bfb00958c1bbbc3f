"""A log of over 10^9 bytes: what its summary and one metric cost a process that has just started."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.markdown import Goal, goals
from benchmarks.reading import rounds as reading
from benchmarks.reading.roster import METRIC, SUMMARY, Entry
from benchmarks.reading.rounds import Result

ROWS = 12_500_000
SUMMARY_MS_MAX = 20.0
METRIC_MIB_MAX = 64.0
MIB = 2**20

ROSTER = (Entry("summary", "tidelog_log", SUMMARY), Entry('metric("loss")', "tidelog_log", METRIC))

SECTION = """\
## A large log

{rows:,} rows in one log of {gb:.2f} GB that was just written. A process of its own asks each question,
in each of {rounds} rounds; medians. The time is that behind the imports; the memory is the largest
resident size above that behind the imports, without the arrays that `metric` answers with.

{goals}

`metric("loss")` of it took {metric_s:.2f} s."""


def run(*, rounds: int, folder: Path, tell: reading.Tell) -> list[Result]:
    """Write the log and ask it, round after round."""
    return reading.run(sizes=[ROWS], rounds=rounds, folder=folder, tell=tell, roster=ROSTER)


def section(results: Sequence[Result], rounds: int) -> str:
    """Return the section of the page; there is none where a question had no answer."""
    if not all(result.is_measured for result in results):
        return ""
    return SECTION.format(
        rows=results[0].rows,
        gb=results[0].bytes / 1e9,
        rounds=rounds,
        goals=terminal(results),
        metric_s=next(r for r in results if r.question == METRIC).median("read_s"),
    )


def terminal(results: Sequence[Result]) -> str:
    """Return the goals alone, for the screen."""
    found = []
    for result in results:
        if not result.is_measured:
            continue
        if result.question == SUMMARY:
            what = "milliseconds to the summary"
            found.append(Goal(what, SUMMARY_MS_MAX, result.median("read_s") * 1e3))
        elif result.question == METRIC:
            beyond = result.median("working_bytes") - result.median("result_bytes")
            what = "MiB beyond the arrays of one metric"
            found.append(Goal(what, METRIC_MIB_MAX, beyond / MIB))
    return goals(found)
