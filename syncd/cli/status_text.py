"""A status for people: lines of at most so many cells, what needs attention first. No I/O.

What names of runs and answers of hubs hold may come from anybody: nothing of it steers the terminal.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from tidelog.datastore.text import (
    counted,
    duration_text,
    on_one_line,
    padded,
    shortened,
    size_text,
    width_of,
    wrapped,
)

SHOWN_MAX = 10
LABEL_WIDTH = 12
WIDTH_MIN = 40

PLAIN, TITLE, GOOD, BAD, WARNING, FAINT = "plain", "title", "good", "bad", "warning", "faint"

Document = Mapping[str, Any]


class Line(NamedTuple):
    """A line and its tone, which a terminal shows as a colour."""

    text: str
    tone: str = PLAIN


class State(NamedTuple):
    """How a target is, in a word, and how urgent that is: the highest comes first."""

    word: str
    tone: str
    urgency: int


def status_lines(status: Document, *, width: int) -> list[Line]:
    """Return the status of a daemon that runs."""
    width = max(width, WIDTH_MIN)
    lines = [Line(status_head(status), TITLE), *_daemon(status, width)]
    for target in by_urgency(status["targets"]):
        lines += [Line(""), *_target(target, status, width)]
    return [Line(shortened(line.text, width), line.tone) for line in lines]


def by_urgency(targets: Iterable[Document]) -> list[Document]:
    """Return targets in the order in which they need attention."""
    return sorted(targets, key=lambda target: -state_of(target).urgency)


def state_of(target: Document) -> State:
    """Return how a target is."""
    if target["state"] == "refused":
        return State("KEY REFUSED", BAD, 5)
    if target["outage"]:
        return State("DOWN", BAD, 4)
    if target["parked_count"] or target["damaged_count"]:
        return State("up, with problems", WARNING, 3)
    if target["waiting_count"]:
        return State("up, trying again", WARNING, 2)
    return State("up", GOOD, 1 if target["wanted"] else 0)


def run_name(entry: Document) -> str:
    """Return project and run of an entry, and of what in it it is."""
    parts = (entry["project"], entry["run"], entry.get("item", ""))
    return on_one_line("/".join(part for part in parts if part))


def rows_text(rows: int, *, is_exact: bool) -> str:
    """Return a number of rows; an estimate says so."""
    return ("" if is_exact else "about ") + counted(rows, "row")


# -- the daemon --------------------------------------------------------------------------------------


def status_head(status: Document) -> str:
    """Return who answers, since when, and how many runs it knows."""
    return (
        f"daemon {status['pid']}, up {duration_text(status['uptime_s'])}: "
        f"{counted(status['runs'], 'run')}, {status['live_runs']:,} live"
    )


def _daemon(status: Document, width: int) -> Iterator[Line]:
    if status["held"]:
        yield from _entry("held", f"nothing is sent: {held_text(status['held'])}", width, WARNING)
    for root in status["roots"]:
        yield from _entry("watches", on_one_line(root), width)
    for path, reason in _first(list(status["problems"].items())):
        yield from _entry("problem", on_one_line(f"{path}: {reason}"), width, BAD)
    if status["limit_rate_bytes"]:
        yield from _entry("limit", f"{size_text(status['limit_rate_bytes'])}/s for all targets", width)
    if status["metrics"]:
        yield from _entry("metrics", status["metrics"], width)
    if status["filter"]:
        yield from _entry("sends", filter_text(status["filter"]), width)


def held_text(held: Document) -> str:
    """Return why nothing is sent, and until when."""
    reason: str = held["reason"]
    if held["until"] is None or "until" in reason:
        return reason
    return f"{reason} until {moment_text(held['until'])}"


def moment_text(moment: float) -> str:
    """Return a moment as the clock on the wall shows it."""
    return datetime.fromtimestamp(moment).astimezone().strftime("%Y-%m-%d %H:%M")


def filter_text(files: Document) -> str:
    """Return which files travel."""
    only = ", ".join(files["only"])
    wanted = f"of the files only {only}" if only else "all files"
    return f"records, {wanted}{'' if files['media'] else ' but no media'}"


# -- a target ----------------------------------------------------------------------------------------


def _target(target: Document, status: Document, width: int) -> Iterator[Line]:
    state = state_of(target)
    name = shortened(on_one_line(target["target"]), width - len(state.word) - 2)
    yield Line(f"{name}  {state.word}", state.tone)
    if target["outage"]:
        yield from _outage(target["outage"], width)
    yield from _entry("queue", queue_text(target["queue"]), width)
    held_back = target["queue"]["held_back"]
    if held_back["count"]:
        text = f"{_amount(held_back, 'file')}: not asked for"
        yield from _entry("held back", text, width)
    sent = f"{size_text(target['sent']['bytes'])} sent since the start"
    yield from _entry("rate", f"{size_text(target['rate_bytes_s'])}/s now, {sent}", width)
    yield from _live(target["live"], target["live_count"])
    yield from _problems(target, width)
    error = target["last_error"]
    shown = [*target["parked"][:SHOWN_MAX], *target["waiting"][:SHOWN_MAX]]
    if error and not target["outage"] and all(error["reason"] != item["reason"] for item in shown):
        ago = duration_text(max(0.0, status["time"] - error["at"]))
        item = f"{error['item']}: " if error["item"] else ""
        yield from _entry("last error", on_one_line(f"{ago} ago: {item}{error['reason']}"), width, FAINT)


def _outage(outage: Document, width: int) -> Iterator[Line]:
    yield from _entry("why", on_one_line(outage["reason"]), width, BAD)
    text = f"{duration_text(outage['lasts_s'])}, {counted_tries(outage['tries'])}"
    yield from _entry("since", f"{text}; the next in {duration_text(outage['next_try_in_s'])}", width)


def counted_tries(tries: int) -> str:
    """Return a number of tries."""
    return f"{tries:,} {'try' if tries == 1 else 'tries'}"


def queue_text(queue: Document) -> str:
    """Return what is still to be sent."""
    about = "" if queue["are_files_exact"] else "about "
    parts = [
        _amount(queue["logs"], "log"),
        about + _amount(queue["small_files"], "small file"),
        about + _amount(queue["large_files"], "large file"),
    ]
    kinds = ("logs", "small_files", "large_files")
    shown = [part for part, kind in zip(parts, kinds, strict=True) if queue[kind]["count"]]
    return ", ".join(shown) or "empty: all of it has arrived"


def _amount(amount: Document, noun: str) -> str:
    return f"{counted(amount['count'], noun)} ({size_text(amount['bytes'])})"


def _live(runs: list[Document], count: int) -> Iterator[Line]:
    """Show the live runs in columns: how far behind, in rows and in time, and which."""
    shown = [
        (rows_text(run["rows"], is_exact=run["are_rows_exact"]), _lag(run), run_name(run))
        for run in _first(runs)
    ]
    columns = [max((width_of(cell[at]) for cell in shown), default=0) for at in (0, 1)]
    for at, (rows, lag, name) in enumerate(shown):
        text = f"{rows:>{columns[0]}}  {lag:>{columns[1]}}  {name}"
        label = padded("" if at else "live", LABEL_WIDTH)
        yield Line(f"  {label}{text}")
    if count > SHOWN_MAX:
        yield Line(f"  {'':{LABEL_WIDTH}}and {count - SHOWN_MAX:,} more, no further behind", FAINT)


def _lag(run: Document) -> str:
    return f"{duration_text(run['lag_s'])} behind" if run["bytes"] else "up to date"


def _problems(target: Document, width: int) -> Iterator[Line]:
    if not target["outage"]:
        yield from _items("waiting", target["waiting"], target["waiting_count"], width, WARNING)
    yield from _items("parked", target["parked"], target["parked_count"], width, BAD)
    if target["parked_count"]:
        yield Line(f"  {'':{LABEL_WIDTH}}`syncd retry` tries again what is parked", FAINT)
    for damage in _first(target["damaged"]):
        text = f"{damage['log']}: {counted(damage['length'], 'byte')} from byte {damage['offset']} on"
        yield from _entry("damaged", on_one_line(text), width, WARNING)
    for tail in _first(target["torn_tails"]):
        text = f"{tail['log']}: the last {counted(tail['length'], 'byte')} are no whole chunk, and stay"
        yield from _entry("torn tail", on_one_line(text), width, FAINT)
    for log, twin in _first(list(target["twins"].items())):
        yield from _entry("twin", on_one_line(f"{log} is {twin} there"), width, FAINT)


def _items(label: str, items: list[Document], count: int, width: int, tone: str) -> Iterator[Line]:
    for item in _first(items):
        yield from _entry(label, on_one_line(f"{run_name(item)}: {item['reason']}"), width, tone)
    if count > SHOWN_MAX:
        yield Line(f"  {'':{LABEL_WIDTH}}and {count - SHOWN_MAX:,} more", FAINT)


def _first(items: list[Any]) -> list[Any]:
    return items[:SHOWN_MAX]


def _entry(label: str, text: str, width: int, tone: str = PLAIN) -> Iterator[Line]:
    """Yield a labelled entry, its text wrapped beside the label."""
    for at, part in enumerate(wrapped(text, width - LABEL_WIDTH - 2)):
        yield Line(f"  {'' if at else label:{LABEL_WIDTH}}{part}", tone)
