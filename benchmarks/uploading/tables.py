"""Uploading as Markdown: a table for each job, and whether the goal is met. No I/O."""

from collections.abc import Sequence

from benchmarks import markdown
from benchmarks.uploading.jobs import LONG, START, WIDE
from benchmarks.uploading.rounds import BUDGET_S, Result
from benchmarks.uploading.ways import FLOOR, LIMIT, TIDELOG

GOAL = 0.5

INTRODUCTION = """\
## Agent to hub, over loopback

From processes that start for it to a hub on the same machine that runs already; medians of up to
{rounds} rounds, in each of which every way had its turn. The first way is the limit: bare aiohttp moves
the same bytes in PUTs of 1 MiB, one after the other, and checks nothing. tidelog's hub checks every
chunk and answers after its fsync."""

METHOD = """\
### How uploading was measured

- Time is from the start of the process that brings the bytes to its end; "{start}" is what that takes
  with nothing to carry, and is not subtracted from the others. Rates are: bytes by seconds beyond it.
- CPU is user and system time, that of the bringing end with all its processes and its start, that of
  the waiting end while the other one ran. Copies to a folder have one end only.
- Requests and bytes on the wire (both directions, headers included) were counted by a relay in a round
  of their own, whose time does not count.
- What arrived was compared with what was sent, byte for byte; of the bare ends the sizes, of wandb the
  rows and the bytes of files.
- `wandb sync` carries what wandb recorded offline of the same rows, images and file, to a stand-in
  that answers its calls, counts, and syncs nothing to the disk.
- The files were just written: they are read from memory. Memory is the largest resident size.
- A way that has taken {budget_s:.0f} s with a job has no further round of it.
- Versions: {versions}."""


def section(results: Sequence[Result], rounds: int) -> str:
    """Return the section of the page."""
    parts = [INTRODUCTION.format(rounds=rounds)]
    found = goals(results)
    if found:
        parts.append(markdown.goals(found))
    parts += [f"### {title}\n\n{table}" for title, table in _tables(results)]
    versions = dict.fromkeys(result.version for result in results if result.version)
    parts.append(
        METHOD.format(start=START, budget_s=BUDGET_S, versions=", ".join(versions) or "none of others")
    )
    return "\n\n".join(parts)


def terminal(results: Sequence[Result]) -> str:
    """Return the tables for the screen."""
    return "\n\n".join(f"{title}\n\n{table}" for title, table in _tables(results))


def goals(results: Sequence[Result]) -> list[markdown.Goal]:
    """Return how fast a long log travels, in multiples of what bare aiohttp moves."""
    found = []
    for job in (LONG, WIDE):
        own = _rate_mb_s(results, TIDELOG, job)
        for other in (FLOOR, LIMIT):
            bare = _rate_mb_s(results, other, job)
            if own and bare:
                found.append(markdown.Goal(f"{job}, times {other}", GOAL, own / bare, is_minimum=True))
    return found


def _tables(results: Sequence[Result]) -> list[tuple[str, str]]:
    tables = []
    for job in dict.fromkeys(result.job for result in results):
        measured = [result for result in results if result.job == job and result.samples]
        if measured:
            files, size = measured[0].files, measured[0].size_bytes
            title = f"{job[0].upper()}{job[1:]}: {files:,} files, {_megabytes(size)} MB"
            tables.append((title, _table(measured, results)))
    return tables


def _table(measured: Sequence[Result], results: Sequence[Result]) -> str:
    titles = ["", "s", "MB/s", "CPU s, agent", "CPU s, hub", "requests", "MB on the wire", "MB, agent"]
    lines = []
    for result in measured:
        wire, has_hub = result.wire, bool(result.median("hub_bytes"))
        rate = _rate_mb_s(results, result.way, result.job)
        lines.append(
            [
                result.way,
                f"{result.median('wall_s'):.2f}",
                f"{rate:.0f}" if rate else "",
                f"{result.median('agent_cpu_s'):.2f}",
                f"{result.median('hub_cpu_s'):.2f}" if has_hub else "",
                f"{wire.requests:,}" if wire else "",
                _megabytes(wire.bytes_up + wire.bytes_down) if wire else "",
                f"{result.median('agent_bytes') / 1e6:.0f}",
                f"{result.median('hub_bytes') / 1e6:.0f}" if has_hub else "",
            ]
        )
    return markdown.table([*titles, "MB, hub"], lines)


def _rate_mb_s(results: Sequence[Result], way: str, job: str) -> float:
    """Return 10^6 bytes of a job per second beyond what starting takes; 0 where that is not known."""
    start, whole = (
        next((r for r in results if (r.way, r.job) == (way, name) and r.samples), None)
        for name in (START, job)
    )
    if start is None or whole is None or job == START:
        return 0.0
    beyond_s = whole.median("wall_s") - start.median("wall_s")
    return (whole.size_bytes - start.size_bytes) / beyond_s / 1e6 if beyond_s > 0 else 0.0


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f}" if size_bytes >= 1e5 else f"{size_bytes / 1e6:.3f}"
