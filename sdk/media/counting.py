"""Counts of values in bins of equal width, as `numpy.histogram` defines them. Pure.

Three ways to the same counts: a tensor's own library (on its device, nothing is copied), NumPy, and
plain Python where neither is.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

TENSOR_VALUES_MAX = 2**24
"""So many values at once are counted exactly in a float32, which is what torch counts in."""


class Counts(NamedTuple):
    """How many values lie in each bin, its edges, and how many NaN and infinities lie in none."""

    counts: list[Any]
    edges: list[float]
    not_finite: int


def count(values: Any, bins: int) -> Counts:
    """Return the counts of all values, whatever their shape; of none, bins from 0 to 1.

    Raises ValueError or TypeError for what is no number.
    """
    if hasattr(values, "detach"):
        return _count_tensor(values, bins)
    try:
        import numpy
    except ImportError:
        return _count_plainly(list(_flat(values)), bins)
    return _count_array(numpy.asarray(values), bins)


def _count_tensor(tensor: Any, bins: int) -> Counts:
    import torch

    flat = tensor.detach()
    flat = (flat.to_dense() if flat.layout != torch.strided else flat).reshape(-1)
    if flat.dtype not in (torch.float32, torch.float64):
        flat = flat.float()
    is_finite = torch.isfinite(flat)
    finite = flat if is_finite.all() else flat[is_finite]
    not_finite = flat.numel() - finite.numel()
    if not finite.numel():
        return _empty(bins, not_finite)
    low, high = (float(limit) for limit in torch.aminmax(finite))
    if _is_flat(low, high, bins):
        return _alike(low, finite.numel(), bins, not_finite)
    total = sum(_histc(part, bins, low, high) for part in finite.split(TENSOR_VALUES_MAX))
    return Counts(total.tolist(), _edges(low, high, bins), not_finite)


def _histc(part: Any, bins: int, low: float, high: float) -> Any:
    try:
        counted = part.histc(bins, low, high)
    except RuntimeError:  # A device that cannot, or that is not allowed to by deterministic algorithms.
        counted = part.cpu().histc(bins, low, high)
    return counted.long()


def _count_array(array: Any, bins: int) -> Counts:
    import numpy

    if array.dtype.kind not in "biuf":
        raise ValueError(f"an array of {array.dtype} has no histogram: give numbers")
    flat = array.reshape(-1).astype(numpy.float64, copy=False)
    finite = flat[numpy.isfinite(flat)]
    not_finite = flat.size - finite.size
    if not finite.size:
        return _empty(bins, not_finite)
    low, high = float(finite.min()), float(finite.max())
    if _is_flat(low, high, bins):
        return _alike(low, finite.size, bins, not_finite)
    _require_span(low, high)
    counts, edges = numpy.histogram(finite, bins, (low, high))
    return Counts(counts.tolist(), edges.tolist(), not_finite)


def _count_plainly(values: list[float], bins: int) -> Counts:
    finite = [value for value in values if math.isfinite(value)]
    not_finite = len(values) - len(finite)
    if not finite:
        return _empty(bins, not_finite)
    low, high = min(finite), max(finite)
    if _is_flat(low, high, bins):
        return _alike(low, len(finite), bins, not_finite)
    _require_span(low, high)
    edges, counts, per_value = _edges(low, high, bins), [0] * bins, bins / (high - low)
    for value in finite:
        place = min(int((value - low) * per_value), bins - 1)
        # The product is rounded: the edges decide.
        if value < edges[place]:
            place -= 1
        elif value >= edges[place + 1] and place < bins - 1:
            place += 1
        counts[place] += 1
    return Counts(counts, edges, not_finite)


def _is_flat(low: float, high: float, bins: int) -> bool:
    """Tell whether all values are the same, or so close that there are no floats for the edges."""
    step = high / bins - low / bins
    return low + step <= low or high - step >= high


def _require_span(low: float, high: float) -> None:
    if not math.isfinite(high - low):
        raise ValueError(
            f"values from {low:.3g} to {high:.3g} are too far apart for bins of equal width"
        )


def _edges(low: float, high: float, bins: int) -> list[float]:
    step = (high - low) / bins
    return [low + place * step for place in range(bins)] + [high]


def _alike(value: float, number: int, bins: int, not_finite: int) -> Counts:
    """Return the counts of values that are as good as the same: they are in the middle."""
    counts = [0] * bins
    counts[bins // 2] = number
    return Counts(counts, _edges(value - 0.5, value + 0.5, bins), not_finite)


def _empty(bins: int, not_finite: int) -> Counts:
    return Counts([0] * bins, _edges(0.0, 1.0, bins), not_finite)


def _flat(values: Any) -> Iterator[float]:
    for value in values:
        if hasattr(value, "__iter__") and not isinstance(value, str):
            yield from _flat(value)
        else:
            yield float(value)
