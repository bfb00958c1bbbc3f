"""Counters that only grow become rates. No I/O."""

from collections.abc import Mapping

from tidelog.sdk.monitor.moment import Row


class Rates:
    """Remembers the counters of the last sample."""

    def __init__(self) -> None:
        self._now = 0.0
        self._counters: Mapping[str, float] = {}

    def per_s(self, counters: Mapping[str, float | None], now: float) -> Row:
        """Return by how much each counter grew per second; nothing of one that is new or went back."""
        present = {name: count for name, count in counters.items() if count is not None}
        elapsed_s = now - self._now
        rates: Row = {
            name: (count - self._counters[name]) / elapsed_s
            for name, count in present.items()
            if elapsed_s > 0 and name in self._counters and count >= self._counters[name]
        }
        self._now, self._counters = now, present
        return rates
