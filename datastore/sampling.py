"""Which points of a series a plot needs: the extremes of each bucket, or the largest triangles. Pure.

Every answer is the same for NumPy arrays and for lists. A value is never changed, only left out.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

Method = Literal["minmax", "lttb"]

POINTS_MIN = 4
"""The first point, the last, the lowest and the highest."""


def check_points(points: int) -> None:
    """Raise ValueError where so few points cannot hold what a sample always keeps."""
    if points < POINTS_MIN:
        raise ValueError(
            f"points is {points}; the least is {POINTS_MIN}: first, last, lowest and highest"
        )


def check_numbers(values: Any) -> None:
    """Raise TypeError where something among the values is no number."""
    if is_array(values):
        return
    for value in values:
        if not isinstance(value, (int, float)):
            raise TypeError(f"a plot needs numbers; among the values is one of {type(value)}")


def is_array(values: Any) -> bool:
    """Tell whether values are a NumPy array of numbers, and no list and no array of objects."""
    return hasattr(values, "dtype") and values.dtype.kind in "fiub"


def sampled_rows(steps: Any, values: Any, points: int, method: Method) -> list[int]:
    """Return the rows to keep, at most `points`, in their order; `steps` must not go back.

    Raises ValueError for a method that is not there or fewer than four points, TypeError for values
    that are no numbers.
    """
    if method not in _METHODS:
        raise ValueError(f"method {method!r} is none of {', '.join(_METHODS)}")
    check_points(points)
    check_numbers(values)
    if len(values) <= points:
        return list(range(len(values)))
    return _METHODS[method](steps, values, points)


def bucket_extremes(values: Any, width: int) -> tuple[list[int], list[int]]:
    """Return the rows of the lowest and the highest value in each `width` values, the first of equals.

    NaN and the infinities are no extremes: one of them is named only where a bucket holds nothing else.
    """
    if is_array(values):
        return _array_extremes(values, width)
    lows, highs = [], []
    for start in range(0, len(values), width):
        bucket = range(start, min(start + width, len(values)))
        finite = [row for row in bucket if math.isfinite(values[row])] or [start]
        lows.append(min(finite, key=values.__getitem__))
        highs.append(max(finite, key=values.__getitem__))
    return lows, highs


def _array_extremes(values: Any, width: int) -> tuple[list[int], list[int]]:
    import numpy as np

    lows = highs = values
    is_finite = np.isfinite(values)
    if not is_finite.all():
        lows, highs = np.where(is_finite, values, np.inf), np.where(is_finite, values, -np.inf)
    whole = len(values) // width * width
    starts = np.arange(0, whole, width)
    low = (starts + lows[:whole].reshape(-1, width).argmin(axis=1)).tolist()
    high = (starts + highs[:whole].reshape(-1, width).argmax(axis=1)).tolist()
    if whole < len(values):
        low.append(whole + int(lows[whole:].argmin()))
        high.append(whole + int(highs[whole:].argmax()))
    return low, high


def _minmax_rows(steps: Any, values: Any, points: int) -> list[int]:  # noqa: ARG001 - as every method
    last = len(values) - 1
    width = -(-(last - 1) // ((points - 2) // 2))
    lows, highs = bucket_extremes(values[1:last], width)
    return sorted({0, last, *(1 + row for row in lows), *(1 + row for row in highs)})


def _lttb_rows(steps: Any, values: Any, points: int) -> list[int]:
    """Keep the points with the largest triangles; of NaN and infinities only those at the two ends.

    Largest-Triangle-Three-Buckets: S. Steinarsson, "Downsampling Time Series for Visual
    Representation", MSc thesis, University of Iceland, 2013, section 4.2.
    """
    last = len(values) - 1
    if not (is_array(steps) and is_array(values)):
        steps, values = list(steps), list(values)
    finite = _finite_rows(values)
    spare = points - sum(not math.isfinite(values[end]) for end in (0, last))
    if len(finite) > spare:
        kept = _largest_triangles(
            _scaled(_picked(steps, finite)), _scaled(_picked(values, finite)), spare
        )
        finite = [finite[row] for row in kept]
    return sorted({0, last, *map(int, finite)})


def _largest_triangles(x: Any, y: Any, points: int) -> list[int]:
    buckets, inner = points - 2, len(x) - 2
    kept = [0]
    edges = [1 + bucket * inner // buckets for bucket in range(buckets and buckets + 1)]
    for start, end, after in zip(edges[:-1], edges[1:], [*edges, len(x)][2:], strict=True):
        a = kept[-1]
        corners = (x[a], y[a], _mean(x[end:after]), _mean(y[end:after]))
        kept.append(start + _farthest(x[start:end], y[start:end], *corners))
    return [*kept, len(x) - 1]


def _farthest(x: Any, y: Any, ax: float, ay: float, cx: float, cy: float) -> int:
    """Return the point whose triangle with a and c is the largest, the first of equals."""
    if is_array(x):
        return int(abs((ax - cx) * (y - ay) - (ax - x) * (cy - ay)).argmax())
    areas = [
        abs((ax - cx) * (each_y - ay) - (ax - each_x) * (cy - ay))
        for each_x, each_y in zip(x, y, strict=True)
    ]
    return areas.index(max(areas))


def _scaled(values: Any) -> Any:
    """Return values between 0 and 1: no triangle is too large for a float then, none changes rank."""
    # Halved before a difference is taken: it may be too large for a float.
    if is_array(values):
        halves = values.astype("float64") / 2
        return (halves - halves.min()) / ((halves.max() - halves.min()) or 1.0)
    halves = [float(value) / 2 for value in values]
    low = min(halves)
    span = (max(halves) - low) or 1.0
    return [(half - low) / span for half in halves]


def _finite_rows(values: Any) -> Any:
    if is_array(values):
        import numpy as np

        return np.flatnonzero(np.isfinite(values))
    return [row for row, value in enumerate(values) if math.isfinite(value)]


def _picked(values: Any, rows: Any) -> Any:
    return values[rows] if hasattr(values, "dtype") else [values[row] for row in rows]


def _mean(values: Any) -> float:
    # Exact sums, so that arrays and lists agree to the last bit.
    return math.fsum(values.tolist() if is_array(values) else values) / len(values)


_METHODS: dict[str, Callable[[Any, Any, int], list[int]]] = {
    "minmax": _minmax_rows,
    "lttb": _lttb_rows,
}
