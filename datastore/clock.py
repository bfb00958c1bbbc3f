"""The clock as a seam: everything that asks for the time is handed one of these."""

import time


class Clock:
    """The machine's clock. Tests pass one that they move by hand."""

    def now(self) -> float:
        """Return seconds since the epoch; it may jump."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since some start; it never goes back."""
        return time.monotonic()
