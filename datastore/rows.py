"""Reads the rows of logs into columns, and holds no more of them than is wanted.

Three ways through a log, each the faster the more alike its chunks are: the walk, which judges
whatever is odd; sound chunks one by one (`row_chunks.py`); stretches of rows made alike, with NumPy
(`stretch.py`). They change places at the walk's position, and give the same rows.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from tidelog.datastore.columns import STEP, TIME, Columns, Series, Unmade
from tidelog.datastore.format import CHUNK_HEADER_BYTES, Chunk
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.merge import RowMerger
from tidelog.datastore.records import ROW
from tidelog.datastore.row_chunks import STRETCH_ROW_BYTES_MAX, read_row_chunks
from tidelog.datastore.selection import Selection

if TYPE_CHECKING:
    from tidelog.datastore.gather import Gathered
    from tidelog.datastore.stretch import Stretch

WINDOW_BYTES = 64 * 1024
WINDOW_BYTES_MAX = 1024 * 1024
"""A stretch is looked for in so much of a log at once; four times as much while all of it is one."""
WALK_BLOCK_BYTES = 8 * 1024
"""Small, because the walk begins anew behind what was read in another way."""

PATIENCE_MIN, PATIENCE_MAX = 4, 1024
"""So many chunks must promise the faster way before it is tried; doubled each time it gains little."""

SINGLE_CHUNKS_MIN, STRETCH_CHUNKS_MIN = 16, 64
"""Fewer chunks at once than these are a little gain: to begin costs as much as it saves."""

SHORT_STRETCHES_MAX, SHORT_CHUNKS_MAX = 2, 16
"""After so many in a row that were so short, single chunks are faster."""


class RowLog(NamedTuple):
    """A log whose rows are wanted; those of one stream, such as a rank, are merged with each other.

    `is_superseded` tells whether a later log holds a chunk's records; None where none does.
    """

    reader: LogReader
    stream: str
    is_superseded: Callable[[Chunk], bool] | None = None


class Rows(Protocol):
    """All rows that were wanted, as columns: NumPy arrays where NumPy is installed, else lists.

    Each column is handed over once, so that nothing is held twice.
    """

    @property
    def names(self) -> list[str]:
        """The names of all columns, as they first appeared."""

    @property
    def step_column(self) -> Any:
        """The step of each row."""

    @property
    def time_column(self) -> Any:
        """When each row was last added to, in seconds since the epoch."""

    def column(self, name: str) -> Any:
        """Hand over one value per row; what a row lacks is NaN among floats, else None."""

    def series(self, name: str) -> Series:
        """Hand over the values that rows have, with their steps and times; None is no value."""


class RowTable(Protocol):
    """What takes the rows of a log as they are read, one by one."""

    def add_rows(self, schemas: dict[int, tuple[str, ...]], records: list[list[Any]]) -> None:
        """Take row records of a log."""


class StretchTable(RowTable, Protocol):
    """What also takes rows that are made alike, all at once; it needs NumPy."""

    def add_stretch(
        self, window: bytes, at: int, seq: int, tag: int, schemas: dict[int, tuple[str, ...]]
    ) -> "Stretch | None":
        """Take the rows that `read_stretch` finds, and return them."""

    def reserve(self, stretch: "Stretch", size_bytes: int) -> None:
        """Make room for as many more rows like these as there can be in so many bytes of a log."""


def read_into(
    table: RowTable, log: RowLog, selection: Selection, *, stretches: StretchTable | None = None
) -> None:
    """Hand the rows of one log to a table as they are read; nothing of them is held here.

    `stretches` is the table again where it takes rows made alike, which is many times as fast.
    """
    _LogRows(log, selection, table, stretches=stretches).read()


def read_rows(
    logs: Iterable[RowLog], *, keys: str | Iterable[str] | None = None, steps: slice | None = None
) -> Rows:
    """Return the rows of logs, those of one stream behind each other, calls of one step merged.

    `keys` are names or patterns (`*` as in a shell) of the columns to keep, `slice(a, b)` keeps
    `a <= step < b`. Raises ValueError for a slice with a stride, and what the logs' recovery says.
    """
    return _read(list(logs), Selection(keys, steps), {})


def read_columns(
    logs: Iterable[RowLog],
    *,
    keys: str | Iterable[str] | None = None,
    steps: slice | None = None,
    dtype: Any = None,
) -> Columns:
    """Return the rows of logs as a table that makes each column when it is asked for."""
    rows = read_rows(logs, keys=keys, steps=steps)
    names = rows.names
    columns = {STEP: rows.step_column, TIME: rows.time_column}
    # These two keep their meaning, whatever somebody logged under the same names.
    columns |= {n: Unmade(partial(rows.column, n)) for n in names if n not in columns}
    table = Columns(columns, rows=len(columns[STEP]))
    return table if dtype is None else table.astype(dtype)


def read_series(logs: Iterable[RowLog], name: str, *, steps: slice | None = None) -> Series:
    """Return one metric without gaps; no other column is held, and no row without it.

    Raises KeyError where no schema of the logs names it.
    """
    known: dict[str, None] = {}
    series = _read(list(logs), Selection(steps=steps, metric=name), known).series(name)
    if name not in known:
        raise KeyError(f"no row has {name!r}; there are: {', '.join(known)}")
    return series


def _read(logs: list[RowLog], selection: Selection, known: dict[str, None]) -> Rows:
    """Return the rows; `known` is given the names in all schemas of the logs."""
    gathered = _gather(logs, selection, known)
    if gathered is not None:
        return gathered
    merger = RowMerger(selection)
    for log in _by_stream(logs, merger):
        known.update(_LogRows(log, selection, merger).read())
    return merger


def _gather(logs: list[RowLog], selection: Selection, known: dict[str, None]) -> "Gathered | None":
    """Return the rows by way of NumPy, or None where that cannot be."""
    try:
        from tidelog.datastore.gather import Gathered, OutOfOrderError
    except ImportError:
        return None  # There is no NumPy, or none that works.
    gathered = Gathered(selection)
    try:
        for log in _by_stream(logs, gathered):
            known.update(_LogRows(log, selection, gathered, stretches=gathered).read())
        gathered.settle()
    except OutOfOrderError:
        return None
    return gathered


def _by_stream(logs: list[RowLog], table: "RowMerger | Gathered") -> Iterator[RowLog]:
    stream = None
    for log in logs:
        if log.stream != stream:
            stream = log.stream
            table.begin_stream()
        yield log


class _Patience:
    """How much evidence is asked for before a faster way is tried."""

    def __init__(self, gain_min: int) -> None:
        self.chunks = PATIENCE_MIN
        self._gain_min = gain_min

    def learn(self, gain: int) -> None:
        """Ask for twice as much next time where little was gained."""
        is_worth_it = gain >= self._gain_min
        self.chunks = PATIENCE_MIN if is_worth_it else min(2 * self.chunks, PATIENCE_MAX)


class _LogRows:
    """Reads one log into a table, and into its `stretches` where it can take those."""

    def __init__(
        self,
        log: RowLog,
        selection: Selection,
        table: RowTable,
        *,
        stretches: StretchTable | None = None,
    ) -> None:
        self._reader = log.reader
        self._tag = log.reader.identity.tag
        self._is_superseded = log.is_superseded
        self._selection = selection
        self._table = table
        self._stretches = stretches
        self._walk = log.reader.walk(block_bytes=None if log.is_superseded else WALK_BLOCK_BYTES)
        self._single_patience = _Patience(SINGLE_CHUNKS_MIN)
        self._stretch_patience = _Patience(STRETCH_CHUNKS_MIN)

    def read(self) -> dict[str, None]:
        """Read all of it; return the names in its schemas."""
        while not self._walk_on():
            before = self._walk.chunks
            self._read_singles()
            self._single_patience.learn(self._walk.chunks - before)
        return {name: None for names in self._walk.schemas.values() for name in names}

    def _walk_on(self) -> bool:
        """Walk until nothing was odd for a while; tell whether this is the log's end."""
        walk, is_superseded = self._walk, self._is_superseded
        plain, schemas = 0, len(walk.schemas)
        for chunk, content in walk:
            if isinstance(content, list) and not (is_superseded and is_superseded(chunk)):
                self._add([record for record in content if record[0] == ROW])
            plain = plain + 1 if len(walk.schemas) == schemas else 0
            schemas = len(walk.schemas)
            if plain >= self._single_patience.chunks and is_superseded is None:
                return False
        return True

    def _read_singles(self) -> None:
        """Read sound chunks one by one, and stretches among them, until one is for the walk."""
        walk, equal, length = self._walk, 0, -1
        while True:
            window = self._reader.read_at(walk.offset, WINDOW_BYTES)
            equal_max = len(window) if self._stretches is None else self._stretch_patience.chunks
            found = read_row_chunks(
                window,
                walk.chunks,
                self._tag,
                walk.schemas,
                equal_max=equal_max,
                equal=equal,
                length=length,
            )
            if not found.end:
                return
            self._add(found.records)
            walk.advance(walk.offset + found.end, found.seq)
            equal, length = found.equal, found.length
            if self._stretches is not None and equal >= equal_max:
                self._stretch_patience.learn(self._read_stretches(self._stretches))
                equal = 0

    def _read_stretches(self, table: StretchTable) -> int:
        """Read rows that are made alike from where the walk stands; return how many chunks."""
        before, window_bytes = self._walk.chunks, WINDOW_BYTES
        while self._read_stretch_window(table, window_bytes):
            window_bytes = min(4 * window_bytes, WINDOW_BYTES_MAX)
        return self._walk.chunks - before

    def _read_stretch_window(self, table: StretchTable, window_bytes: int) -> bool:
        """Read the stretches that a window begins with; tell whether they fill it."""
        walk = self._walk
        window, at = self._reader.read_at(walk.offset, window_bytes), 0
        bytes_left = self._reader.size - walk.offset
        short = 0
        while short < SHORT_STRETCHES_MAX:
            stretch = table.add_stretch(window, at, walk.chunks, self._tag, walk.schemas)
            if stretch is None:
                break
            walk.advance(walk.offset + stretch.end - at, stretch.seq)
            at = stretch.end
            table.reserve(stretch, bytes_left)
            short = short + 1 if len(stretch.rows) < SHORT_CHUNKS_MAX else 0
        is_full = len(window) - at < CHUNK_HEADER_BYTES + STRETCH_ROW_BYTES_MAX
        return bool(at) and is_full and not short

    def _add(self, records: list[list[Any]]) -> None:
        self._table.add_rows(self._walk.schemas, self._selection.rows(records))
