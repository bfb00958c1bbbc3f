"""What the page of one run holds, in the order in which people read it. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tidelog.syncd.hub.page.media_kind import looks_like_picture
from tidelog.syncd.hub.page.place import file_below
from tidelog.syncd.hub.page.rendering import kind_of_value, moment
from tidelog.syncd.hub.page.shown import RunDetails, ShownMedia, ShownRun

Line = tuple[str, Any]


class RunLine(NamedTuple):
    """A run as the list shows it: a few values of its summary, and how many there are besides."""

    run: ShownRun
    summary: list[Line]
    more: int


class MediaLine(NamedTuple):
    """A medium as the page shows it."""

    key: str
    step: int
    path: str
    size: int
    caption: str | None
    address: str
    is_picture: bool

    @property
    def alt(self) -> str:
        """What stands for the picture where none can be seen."""
        return self.caption or f"{self.key} at step {self.step}"


def run_lines(runs: Sequence[ShownRun], summary_max: int) -> list[RunLine]:
    """Return runs with what a list has room for; pictures and histograms are on a run's own page."""
    lines = []
    for run in runs:
        values = [line for line in run.summary.items() if kind_of_value(line[1]) is None]
        lines.append(RunLine(run, values[:summary_max], max(0, len(values) - summary_max)))
    return lines


def facts_of(details: RunDetails) -> list[Line]:
    """Return what is said of the run first."""
    run = details.run
    lines: list[Line] = [
        ("Project", run.project),
        ("Id", run.run),
        ("State", run.state),
        ("Last step", "none yet" if run.last_step is None else run.last_step),
        ("Started", moment(run.started) or "unknown"),
        ("Last news", moment(run.updated) or "unknown"),
    ]
    if run.user:
        lines.append(("Person", run.user))
    if details.exit_code is not None:
        lines.append(("Exit code", details.exit_code))
    if details.exit_reason:
        lines.append(("Ended because", details.exit_reason))
    return lines


def lines_of(mapping: Mapping[str, Any], limit: int) -> list[Line]:
    """Return the entries of a mapping, as many as the page shows; the last line says of the rest."""
    lines: list[Line] = list(mapping.items())
    if len(lines) <= limit:
        return lines
    return [*lines[:limit], ("…", f"{len(lines) - limit} more")]


def media_lines(page: str, media: Sequence[ShownMedia]) -> list[MediaLine]:
    """Return media with their addresses below the page of their run."""
    return [
        MediaLine(
            one.key,
            one.step,
            one.path,
            one.size,
            one.caption,
            file_below(page, one.path),
            looks_like_picture(one.path),
        )
        for one in media
    ]
