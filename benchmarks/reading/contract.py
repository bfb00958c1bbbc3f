"""What a format is: the few verbs that every reader beside this file gives to `job.main`."""

from collections.abc import Mapping, Sequence
from typing import Protocol

Columns = Mapping[str, Sequence[float]]


class Format(Protocol):
    """Files of rows, written and read by the library that they are for.

    Importing its module must not import its library: `load` does, outside of the time that is taken.
    A format may answer other questions than `read`: `metric(path)` gives the columns of "loss" with
    its steps and times alone, `summary(path)` what stands for the whole run.
    """

    package: str
    """The distribution whose version is reported; empty where it comes with Python."""

    version: str
    """The version, where there is no distribution."""

    float_error_max: float
    """0.0 where floats come back as they were written."""

    def prepare(self, path: str, rows: int) -> None:
        """Write `rows` rows, as `rows.py` makes them, to `path`: a file or a folder."""

    def load(self) -> None:
        """Import what reading needs."""

    def read(self, path: str) -> Columns:
        """Return every column of `rows.NAMES`, in the order of the rows."""
