"""Samples a series that comes piece by piece, however long it gets, in bounded memory. Pure."""

import math
from typing import Any, NamedTuple

from tidelog.datastore.columns import Series, make_column
from tidelog.datastore.sampling import bucket_extremes, check_numbers, check_points


class MinMaxSampler:
    """Keeps at most `points` points: the first, the last, the lowest and highest of each bucket.

    A bucket holds the same number of points in the order of their coming; once all buckets are in use
    each two become one. So the lowest and the highest of all are always there, and of a series longer
    than `points` at least half as many points as asked for, where its values differ. NaN and the
    infinities are no extremes: one is kept only where a bucket holds nothing else.
    """

    def __init__(self, points: int) -> None:
        check_points(points)
        self._buckets_max = (points - 2) // 2
        self._buckets: list[_Bucket] = []
        self._width = 1
        self._count = 0
        self._ends: tuple[_Point, ...] = ()

    def __len__(self) -> int:
        """Return how many points came so far."""
        return self._count

    def add(self, step: int, time: float, value: float) -> None:
        """Take one point."""
        point = _Point(step, self._count, time, value)
        self._open_bucket().take(1, point, point)
        self._ends = (self._ends[0] if self._ends else point, point)
        self._count += 1

    def extend(self, steps: Any, times: Any, values: Any) -> None:
        """Take many points, from arrays or lists of one length. Raises TypeError for no number."""
        check_numbers(values)
        start = 0
        while start < len(values):
            bucket = self._open_bucket()
            end = min(start + self._width - bucket.count, len(values))
            (low,), (high,) = bucket_extremes(values[start:end], end - start)
            rows = (start + low, start + high, start, end - 1)
            lowest, highest, first, last = (
                _Point(
                    _plain(steps[row]),
                    self._count + row - start,
                    _plain(times[row]),
                    _plain(values[row]),
                )
                for row in rows
            )
            bucket.take(end - start, lowest, highest)
            self._ends = (self._ends[0] if self._ends else first, last)
            self._count += end - start
            start = end

    def series(self) -> Series:
        """Return the sample so far, in the order of the steps."""
        kept = [*self._ends, *(point for each in self._buckets for point in (each.low, each.high))]
        points = sorted({point.order: point for point in kept}.values())
        return Series(
            make_column([point.step for point in points]),
            make_column([point.time for point in points]),
            make_column([point.value for point in points]),
        )

    def _open_bucket(self) -> "_Bucket":
        """Return the bucket that takes the next point."""
        if self._is_last_full and len(self._buckets) == self._buckets_max:
            self._merge_pairs()
        if self._is_last_full:
            self._buckets.append(_Bucket())
        return self._buckets[-1]

    @property
    def _is_last_full(self) -> bool:
        return not self._buckets or self._buckets[-1].count == self._width

    def _merge_pairs(self) -> None:
        for left, right in zip(self._buckets[::2], self._buckets[1::2], strict=False):
            left.take(right.count, right.low, right.high)
        self._buckets = self._buckets[::2]
        self._width *= 2


class _Point(NamedTuple):
    step: int
    order: int  # In which it came.
    time: float
    value: float


class _Bucket:
    __slots__ = ("count", "high", "low")

    low: _Point
    high: _Point

    def __init__(self) -> None:
        self.count = 0

    def take(self, count: int, low: _Point, high: _Point) -> None:
        if not self.count:
            self.low, self.high = low, high
        else:
            self.low = low if _is_before(low.value, self.low.value) else self.low
            self.high = high if _is_before(-high.value, -self.high.value) else self.high
        self.count += count


def _is_before(value: float, other: float) -> bool:
    return math.isfinite(value) and (value < other or not math.isfinite(other))


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
