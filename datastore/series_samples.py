"""Samples many series of a run while its rows are read, in bounded memory, however long the run is.

Holds `points` points of each series and a short block of rows. Never does I/O; NumPy where it is
installed, for rows made alike.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tidelog.datastore.columns import Series
from tidelog.datastore.sampler import MinMaxSampler
from tidelog.datastore.selection import Selection

if TYPE_CHECKING:
    from tidelog.datastore.stretch import Stretch

BLOCK_POINTS = 2048
"""So many single points of a series are sampled at once."""

Schemas = dict[int, tuple[str, ...]]


class OutOfTimeError(Exception):
    """There is no more time to read on; what was sampled so far stands."""


class Sampled(NamedTuple):
    """A sample of one series: of how many points it is, and those that were kept."""

    key: str
    logged: int
    series: Series


class SeriesSamples:
    """Takes the rows of a stream and keeps a sample of each wanted series of numbers.

    A value that is no number is no point. Of more than `series_max` series only so many are kept, in
    the order in which they came; `left_out` has the names of the others, at most as many again.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        points: int,
        series_max: int,
        is_late: Callable[[], bool] = lambda: False,
    ) -> None:
        """Ask `is_late` again and again; OutOfTimeError is raised once it says so."""
        self._selection = selection
        self._points = points
        self._series_max = series_max
        self._is_late = is_late
        self._samplers: dict[str, MinMaxSampler] = {}
        self._blocks: dict[str, tuple[list[int], list[float], list[Any]]] = {}
        self._places: dict[tuple[str, ...], list[tuple[int, str]]] = {}
        self.left_out: dict[str, None] = {}

    def add_rows(self, schemas: Schemas, records: list[list[Any]]) -> None:
        """Take row records of a log. Raises OutOfTimeError."""
        self._check_time()
        for record in records:
            for place, name in self._wanted(schemas[record[1]]):
                value = record[4 + place]
                if type(value) is float or type(value) is int:
                    self._add(name, record[2], record[3], value)

    def add_stretch(
        self, window: bytes, at: int, seq: int, tag: int, schemas: Schemas
    ) -> "Stretch | None":
        """Take the rows that `read_stretch` finds, and return them. Raises OutOfTimeError."""
        from tidelog.datastore.stretch import read_stretch

        self._check_time()
        stretch = read_stretch(window, at, seq, tag, schemas)
        if stretch is None:
            return None
        wanted = self._wanted(stretch.names)
        if wanted:
            steps, times = (
                place.of(stretch.rows) for place in (stretch.layout.step, stretch.layout.time)
            )
            for place, name in wanted:
                sampler = self._sampler(name)
                if sampler is not None:
                    self._settle(name)
                    sampler.extend(steps, times, stretch.layout.values[place].of(stretch.rows))
        return stretch

    def reserve(self, stretch: "Stretch", size_bytes: int) -> None:
        """Need no room: a sample does not grow."""

    def sampled(self) -> list[Sampled]:
        """Return the samples so far, in the order in which their series came."""
        for name in list(self._blocks):
            self._settle(name)
        return [Sampled(name, len(each), each.series()) for name, each in self._samplers.items()]

    def _wanted(self, names: tuple[str, ...]) -> list[tuple[int, str]]:
        places = self._places.get(names)
        if places is None:
            # As many schemas as a hostile log has: what is remembered of them is bounded.
            if len(self._places) >= self._series_max:
                self._places.clear()
            places = self._places[names] = self._selection.places(names)
        return places

    def _add(self, name: str, step: int, time: float, value: float) -> None:
        block = self._blocks.get(name)
        if block is None:
            if self._sampler(name) is None:
                return
            block = self._blocks[name] = ([], [], [])
        steps, times, values = block
        steps.append(step)
        times.append(time)
        values.append(value)
        if len(block[0]) >= BLOCK_POINTS:
            self._settle(name)

    def _settle(self, name: str) -> None:
        block = self._blocks.pop(name, None)
        if block is not None:
            self._samplers[name].extend(*block)

    def _sampler(self, name: str) -> MinMaxSampler | None:
        sampler = self._samplers.get(name)
        if sampler is None:
            if len(self._samplers) >= self._series_max:
                if len(self.left_out) < self._series_max:
                    self.left_out[name] = None
                return None
            sampler = self._samplers[name] = MinMaxSampler(self._points)
        return sampler

    def _check_time(self) -> None:
        if self._is_late():
            raise OutOfTimeError
