"""The courses of a run's metrics, from a bounded number of points. No I/O.

Points are taken from the latest values every so many steps, and that distance doubles when there are too
many, so the cost to `log()` is one comparison; reading the run back at its end would take minutes for
the largest runs, and on a network file system for smaller ones.
"""

from collections.abc import Mapping
from typing import Any

POINTS_MAX = 80
METRICS_MAX = 12


class Curves:
    """The course of the first metrics of a run, at most `POINTS_MAX` points of each."""

    def __init__(self) -> None:
        self.due_step = 0
        self._stride = 1
        self._step: int | None = None
        self._points: dict[str, list[float]] = {}

    def sample(self, step: int, latest: Mapping[str, Any]) -> None:
        """Take the current value of each metric; the next sample is due at `due_step`.

        A second sample of one step takes the place of the first.
        """
        longest, is_again, self._step = 0, step == self._step, step
        for key, value in latest.items():
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                continue
            points = self._points.get(key)
            if points is None:
                if len(self._points) == METRICS_MAX or key.startswith("_"):
                    continue
                points = self._points[key] = []
            if is_again and points:
                points.pop()
            points.append(value)
            longest = max(longest, len(points))
        if longest >= POINTS_MAX:
            self._points = {key: points[1::2] for key, points in self._points.items()}
            self._stride *= 2
        self.due_step = step + self._stride

    def items(self) -> list[tuple[str, list[float]]]:
        """Return (metric, points) in the order of their first appearance."""
        return list(self._points.items())
