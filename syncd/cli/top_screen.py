"""What `syncd top` shows: a status as the lines of a screen of some size. No I/O.

Targets first, those that need attention on top; then live runs by their lag; then the last events. Where
the screen is small, live runs and events give way; the last line tells the keys.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tidelog.datastore.text import (
    ASCII_BARS,
    BARS,
    duration_text,
    on_one_line,
    padded,
    shortened,
    size_text,
    width_of,
    wrapped,
)
from tidelog.syncd.cli.status_text import (
    BAD,
    FAINT,
    PLAIN,
    TITLE,
    WARNING,
    Line,
    by_urgency,
    held_text,
    queue_text,
    run_name,
    state_of,
    status_head,
)

KEYS = " q quit   p pause or resume   r try again now"
EVENTS_SHOWN = 6
LIVE_ROWS_MIN = 3
REASON_LINES_MAX = 2
CURVE_WIDTH_MAX = 30
GAP = "  "

Document = Mapping[str, Any]


class Size(NamedTuple):
    """Cells of a screen."""

    width: int
    height: int


def screen_lines(status: Document, size: Size, *, is_unicode: bool = True, note: str = "") -> list[Line]:
    """Return as many lines as the screen has. `note` stands in the last one, beside the keys."""
    clock = datetime.fromtimestamp(status["time"]).astimezone().strftime("%H:%M:%S")
    head = shortened(status_head(status), size.width - len(clock) - 2)
    top = [Line(padded(head, size.width - len(clock)) + clock, TITLE)]
    if status["held"]:
        top.append(Line(f"nothing is sent: {held_text(status['held'])}", WARNING))
    top += [Line(""), *_targets(status, size.width, BARS if is_unicode else ASCII_BARS)]
    room = size.height - len(top) - 1
    events = [Line(""), *_events(status["events"], EVENTS_SHOWN)] if status["events"] else []
    live = [Line(""), *_live(status["targets"], size.width)]
    # The events go first, then live runs: what is wrong with a target stands above them.
    events = events[: max(0, room - min(len(live), LIVE_ROWS_MIN))]
    live = live[: max(0, room - len(events))]
    if len(live) < LIVE_ROWS_MIN:
        live = []  # No run below the heads.
    body = [*top, *live, *events][: size.height - 1]
    body += [Line("")] * (size.height - 1 - len(body))
    keys = Line(f"{KEYS}   {note}" if note else KEYS, FAINT)
    return [Line(shortened(line.text, size.width), line.tone) for line in (*body, keys)]


# -- targets -----------------------------------------------------------------------------------------


def _targets(status: Document, width: int, bars: str) -> Iterator[Line]:
    targets = by_urgency(status["targets"])
    cells = [
        (
            state_of(target).word,
            f"{size_text(target['rate_bytes_s'])}/s",
            _behind(target),
        )
        for target in targets
    ]
    rows = in_columns([("STATE", "RATE", "BEHIND"), *cells], right=(1, 2))
    used = width_of(rows[0]) + 2 * len(GAP)
    curve = max(0, min(CURVE_WIDTH_MAX, (width - used) // 3))
    name = max(10, width - used - curve)
    heads = (padded("TARGET", name), shortened("LAST MINUTE", curve))
    yield Line(GAP.join((heads[0], rows[0], heads[1])), FAINT)
    for target, row in zip(targets, rows[1:], strict=True):
        shown = padded(shortened(on_one_line(target["target"]), name), name)
        line = curve_of(target["rate_history"], curve, bars)
        yield Line(GAP.join((shown, row, line)), state_of(target).tone)
        yield from _details(target, width)


def _behind(target: Document) -> str:
    lag = target["lag"]
    return f"{duration_text(lag['s'])}, {size_text(lag['bytes'])}" if lag["bytes"] else "nothing"


def _details(target: Document, width: int) -> Iterator[Line]:
    outage = target["outage"]
    if outage:
        next_try = f"next try in {duration_text(outage['next_try_in_s'])}"
        text = on_one_line(f"{duration_text(outage['lasts_s'])}, {next_try}: {outage['reason']}")
        for part in wrapped(text, width - len(GAP))[:REASON_LINES_MAX]:
            yield Line(GAP + part, BAD)
    if target["wanted"]:
        yield Line(f"{GAP}to send: {queue_text(target['queue'])}")
    if target["parked_count"]:
        first = target["parked"][0]
        text = on_one_line(f"{target['parked_count']} parked: {run_name(first)}: {first['reason']}")
        yield Line(GAP + text, WARNING)


def curve_of(history: Sequence[int], width: int, bars: str) -> str:
    """Return the rates of the last minute as bars from nothing up to the highest; blank for nothing."""
    if width <= 0:
        return ""
    # Each cell stands for the same number of seconds; the last ones are kept where some are left over.
    each = -(-len(history) // width)
    sums = [sum(history[max(0, at - each) : at]) for at in range(len(history), 0, -each)][::-1]
    highest = max(sums, default=0)
    top = len(bars) - 1
    return "".join(bars[-(-value * top // highest)] if value else " " for value in sums)


# -- live runs and events ----------------------------------------------------------------------------


def _live(targets: Sequence[Document], width: int) -> Iterator[Line]:
    """Yield the live runs, each as far behind as it is at the target that lags most."""
    worst: dict[str, Document] = {}
    for target in targets:
        for run in target["live"]:
            name = run_name(run)
            before = worst.get(name)
            if before is None or (run["lag_s"], run["bytes"]) > (before["lag_s"], before["bytes"]):
                worst[name] = run
    runs = sorted(worst.items(), key=lambda item: (-item[1]["lag_s"], -item[1]["bytes"], item[0]))
    cells = [
        (
            ("" if run["are_rows_exact"] else "~") + f"{run['rows']:,}",
            size_text(run["bytes"]),
            duration_text(run["lag_s"]) if run["bytes"] else "-",
        )
        for _, run in runs
    ]
    rows = in_columns([("ROWS", "BYTES", "BEHIND"), *cells], right=(0, 1, 2))
    name_width = max(10, width - width_of(rows[0]) - len(GAP))
    names = ["LIVE RUN", *(name for name, _ in runs)]
    for at, (name, row) in enumerate(zip(names, rows, strict=True)):
        yield Line(
            GAP.join((padded(shortened(name, name_width), name_width), row)), PLAIN if at else FAINT
        )


def _events(events: Sequence[Document], count: int) -> Iterator[Line]:
    yield Line("LAST EVENTS", FAINT)
    for event in events[-count:][::-1]:
        at = datetime.fromtimestamp(event["at"]).astimezone().strftime("%H:%M:%S")
        yield Line(f"{at}  {on_one_line(event['text'])}")


def in_columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Return rows as lines whose cells stand below each other; those of `right` end there."""
    widths = [max(width_of(row[at]) for row in rows) for at in range(len(rows[0]))]

    def aligned(at: int, cell: str) -> str:
        blank = " " * (widths[at] - width_of(cell))
        return blank + cell if at in right else cell + blank

    return [GAP.join(aligned(at, cell) for at, cell in enumerate(row)) for row in rows]
