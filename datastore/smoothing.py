"""A curve as TensorBoard smooths it. Pure."""

import math
from collections.abc import Iterable, Sequence


def smoothed_values(values: Sequence[float], weight: float) -> list[float]:
    """Return the exponential moving average, corrected for its start from 0.

        last = last * weight + (1 - weight) * value
        smoothed = last / (1 - weight ** n)          n: finite values so far

    NaN and the infinities pass as they are and count for nothing; a constant series stays as it is.
    Source: `classicSmoothing` in TensorBoard's webapp/widgets/line_chart_v2/data_transformer.ts, and
    `resmoothDataset` in components/vz_line_chart2/line-chart.ts before it; the correction is that of
    D. Kingma, J. Ba, "Adam", 2015, section 3. Raises ValueError for a weight outside [0, 1):
    TensorBoard's slider ends at 0.999.
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight is {weight}; it must be at least 0 and below 1")
    if all(value == values[0] for value in values):
        return list(values)
    return list(_averaged(values, weight))


def _averaged(values: Iterable[float], weight: float) -> Iterable[float]:
    last, count = 0.0, 0
    for value in values:
        if math.isfinite(value):
            last = last * weight + (1 - weight) * value
            count += 1
            yield last / (1 - weight**count)
        else:
            yield value
