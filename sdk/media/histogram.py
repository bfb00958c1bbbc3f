"""Histograms: the counts of many values, in the row itself."""

from collections.abc import Sequence
from typing import Any, ClassVar

from tidelog.datastore import records
from tidelog.sdk.media.counting import Counts, count
from tidelog.sdk.media.value import MediaValue
from tidelog.sdk.notices import Fault

BINS = 64


class Histogram(MediaValue):
    """A histogram to log: of a sequence, array or tensor, or ready-made as `numpy.histogram` gives it.

    NaN and the infinities are in no bin; how many there were is recorded. At most `MAX_LENGTH` bins.
    """

    type: ClassVar[str] = "histogram"
    MAX_LENGTH: ClassVar[int] = 512

    def __init__(
        self,
        sequence: Any = None,
        np_histogram: tuple[Any, Any] | None = None,
        num_bins: int = BINS,
        **unknown: object,
    ) -> None:
        super().__init__(unknown=unknown)
        if np_histogram is not None:
            self._hold(lambda: _ready_made(np_histogram))
            return
        bins = min(int(num_bins), self.MAX_LENGTH)
        if bins != num_bins:
            self.faults.append(
                Fault(
                    "histogram bins",
                    f"Histogram(num_bins={num_bins}): the limit is {bins}, which are used",
                )
            )
        self._hold(lambda: count(sequence, max(bins, 1)))

    @property
    def histogram(self) -> Sequence[int]:
        """How many values are in each bin. Raises ValueError where there is no histogram."""
        return list(self._counts.counts)

    @property
    def bins(self) -> Sequence[float]:
        """The edges of the bins, one more than there are bins."""
        return list(self._counts.edges)

    def in_row(self) -> records.Histogram:
        """Return the counts as the log holds them."""
        counts = self._counts
        fields: dict[str, Any] = {"counts": list(counts.counts), "edges": list(counts.edges)}
        if counts.not_finite:
            fields["not_finite"] = counts.not_finite
        return records.Histogram(fields)

    @property
    def _counts(self) -> Counts:
        counts: Counts = self._require_held()
        return counts


def _ready_made(np_histogram: Any) -> Counts:
    if not isinstance(np_histogram, (tuple, list)) or len(np_histogram) != 2:
        raise ValueError("np_histogram is (counts, edges), as numpy.histogram returns it")
    counts, edges = (side.tolist() if hasattr(side, "tolist") else list(side) for side in np_histogram)
    if len(edges) != len(counts) + 1:
        raise ValueError(
            f"np_histogram has {len(counts)} counts and {len(edges)} edges: there is one edge more "
            "than counts"
        )
    if not 0 < len(counts) <= Histogram.MAX_LENGTH:
        raise ValueError(
            f"a histogram of {len(counts)} bins; the limit is {Histogram.MAX_LENGTH}: make them wider"
        )
    return Counts([_number(each) for each in counts], [float(edge) for edge in edges], 0)


def _number(value: Any) -> Any:
    """Return a count; densities are floats."""
    number = float(value)
    return int(number) if number.is_integer() else number
