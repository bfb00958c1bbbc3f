"""Tables of Markdown that are also fit for a terminal. No I/O."""

from collections.abc import Sequence
from typing import NamedTuple


class Goal(NamedTuple):
    """What was to be reached, and what was measured."""

    what: str
    limit: float
    measured: float
    is_minimum: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the measured value is on the right side of the limit."""
        return self.measured >= self.limit if self.is_minimum else self.measured <= self.limit


def table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column is to the left and whose others are to the right."""
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


def goals(found: Sequence[Goal]) -> str:
    """Return a table of goals that says which are met."""
    lines = [
        [
            goal.what,
            f"{'at least' if goal.is_minimum else 'at most'} {_number(goal.limit)}",
            _number(goal.measured),
            "yes" if goal.is_met else "NO",
        ]
        for goal in found
    ]
    return table(["what", "goal", "measured", "met"], lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.3g}"
