"""What a peer is: the few verbs that every file beside this one gives to `job.main`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

Row = Mapping[str, float]


class Peer(Protocol):
    """One way to record rows. Importing its file must not import its library: `start` does, on time."""

    package: str
    """The distribution whose version is reported; empty where it comes with Python."""

    version: str
    """The version, where there is no distribution."""

    float_error_max: float
    """0.0 where floats come back as they were logged."""

    def start(self, out: str) -> Callable[[Row], object]:
        """Import the library, begin a run below `out`, and return what logs one row."""

    def finish(self) -> None:
        """Return once everything that was logged is in files."""

    def prepare_read(self, out: str) -> None:
        """Import what reading `out` needs, outside of the time that is taken."""

    def read(self, out: str) -> Mapping[str, Sequence[float]]:
        """Read the run below `out` back: name -> one value per row, in order."""
