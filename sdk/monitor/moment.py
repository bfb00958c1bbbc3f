"""What all sources are handed at one sample."""

from typing import NamedTuple, Protocol

from tidelog.sdk.monitor.process_tree import Table

Row = dict[str, int | float]


class Moment(NamedTuple):
    """`now` is in seconds of a monotonic clock; `tree` are the trainers and all processes below them."""

    now: float
    tree: Table


class Source(Protocol):
    """Something that can be sampled. Its constructor raises where it is there and does not work."""

    def sample(self, moment: Moment) -> Row:
        """Return metrics by name. May raise anything: the source is then left out."""
