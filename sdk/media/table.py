"""Tables: typed columns, cells that are media, and what is logged of one that grows."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from tidelog.datastore.disk import Disk
from tidelog.datastore.table import FIRST_ROW, INCREMENTAL
from tidelog.sdk.media.column_types import ColumnTypes
from tidelog.sdk.media.source import load
from tidelog.sdk.media.table_cells import clean_cell, frame_columns, freeze_cell
from tidelog.sdk.media.table_file import CELL_S, encode_table
from tidelog.sdk.media.value import Encoded, Keep, MediaValue, Snapshot
from tidelog.sdk.notices import Fault, shown

COLUMNS = ("Input", "Output", "Expected")
"""wandb's, where none are given."""
LOG_MODES = ("IMMUTABLE", "MUTABLE", INCREMENTAL)
CELL_BYTES = 64


class Table(MediaValue):
    """A table to log: rows of numbers, text, bools, lists, None, and media such as `sdk.Image`.

    `dtype` is the type of all columns or a list of types: float, str, `sdk.Image`, ...; a cell that does
    not fit is kept and told. With `log_mode="INCREMENTAL"` each `log()` records the rows since the one
    before, and a reader joins them; in the other modes all rows, whatever was added meanwhile.
    """

    type: ClassVar[str] = "table"
    folder: ClassVar[str] = "tables"

    def __init__(
        self,
        columns: Sequence[Any] | None = None,
        data: Any = None,
        rows: Any = None,
        dataframe: Any = None,
        dtype: Any = None,
        optional: bool | list[bool] = True,  # noqa: FBT001, FBT002 - wandb's signature
        allow_mixed_types: bool = False,  # noqa: FBT001, FBT002 - wandb's signature
        log_mode: str | None = "IMMUTABLE",
        **unknown: object,
    ) -> None:
        super().__init__(unknown=unknown)
        self.columns: list[str] = []
        self.data: list[list[Any]] = []
        self.log_mode = log_mode if log_mode in LOG_MODES else "IMMUTABLE"
        if log_mode not in LOG_MODES:
            self._tell(
                "log_mode", f"Table(log_mode={shown(log_mode)}) is none of {', '.join(LOG_MODES)}"
            )
        self._optional = optional
        self._types = ColumnTypes(dtype, may_mix=allow_mixed_types)
        self._logged_rows = 0
        try:
            self._fill(columns, data if data is not None else rows, dataframe)
        except Exception as error:  # noqa: BLE001 - foreign objects may raise anything.
            self._tell("data", f"a Table could not be made of {shown(data)}: {error!r}")

    def add_data(self, *cells: Any) -> None:
        """Add a row, a cell for each column."""
        if len(cells) != len(self.columns):
            self._tell(
                "row",
                f"a row of {len(cells)} cells was left out of a Table of {len(self.columns)} columns "
                f"({', '.join(self.columns)[:100]}): give one for each",
            )
            return
        self.data.append(
            [self._take(name, cell) for name, cell in zip(self.columns, cells, strict=True)]
        )

    def add_row(self, *row: Any) -> None:
        """Add a row, given as a list or as cells."""
        self.add_data(*(row[0] if len(row) == 1 and isinstance(row[0], (list, tuple)) else row))

    def add_column(self, name: Any, data: Any, optional: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - wandb's
        """Add a column, a cell for each row that there is."""
        cells = list(data)
        if (self.data and len(cells) != len(self.data)) or str(name) in self.columns:
            self._tell(
                "column",
                f"the column {shown(str(name))} of {len(cells)} cells was left out of a Table of "
                f"{len(self.data)} rows: give a new name, and a cell for each row",
            )
            return
        self._begin_column(name)
        if not self.data:
            self.data = [[None] * (len(self.columns) - 1) for _ in cells]
        for row, cell in zip(self.data, cells, strict=True):
            row.append(self._take(self.columns[-1], cell))

    def add_computed_columns(self, fn: Any) -> None:
        """Add the columns of `fn(index, {column: cell})`, a dict, called for each row."""
        made = [fn(index, dict(zip(self.columns, row, strict=True))) for index, row in self.iterrows()]
        for name in made[0] if made else ():
            self.add_column(name, [each[name] for each in made])

    def get_column(self, name: Any, convert_to: str | None = None) -> Any:
        """Return the cells of a column; `convert_to="numpy"` makes them an array."""
        at = self.columns.index(str(name))
        cells = [row[at] for row in self.data]
        return load("numpy", "get_column()").array(cells) if convert_to == "numpy" else cells

    def get_dataframe(self) -> Any:
        """Return a pandas DataFrame. Raises ValueError without pandas."""
        return load("pandas", "get_dataframe()").DataFrame(self.data, columns=self.columns)

    def get_index(self) -> list[int]:
        """Return the numbers of the rows."""
        return list(range(len(self.data)))

    def iterrows(self) -> Iterator[tuple[int, list[Any]]]:
        """Yield each row with its number."""
        yield from enumerate(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def snapshot(self, disk: Disk) -> Snapshot:
        """Return the rows that are to be logged, and of their media what they are now."""
        first = self._logged_rows if self.log_mode == INCREMENTAL else 0
        rows, parts = list(map(list, self.data[first:])), []
        if self._types.may_hold_media:
            rows = [[freeze_cell(cell, disk, self.faults) for cell in row] for row in rows]
            parts = [cell for row in rows for cell in row if isinstance(cell, Snapshot)]
        self._logged_rows = len(self.data)
        cells = len(rows) * len(self.columns)
        details: dict[str, Any] = {"rows": len(rows), "columns": list(self.columns)}
        if self.log_mode == INCREMENTAL:
            details |= {"log_mode": INCREMENTAL, FIRST_ROW: first}
        encode = partial(self._encode, list(self.columns), self._types.as_dict(), rows, details)
        return Snapshot(
            cells * CELL_BYTES + sum(part.size_bytes for part in parts),
            cells * CELL_S + sum(part.encode_s for part in parts),
            encode,
        )

    def _encode(
        self,
        columns: list[str],
        types: dict[str, str],
        rows: list[list[Any]],
        details: dict[str, Any],
        keep: Keep,
    ) -> Encoded:
        data, media = encode_table(columns, types, rows, keep=keep, faults=self.faults)
        more = {"cells": media} if media else {}
        return Encoded(self.type, self.folder, "table.json", data, {**details, **more})

    def _fill(self, columns: Any, data: Any, frame: Any) -> None:
        frame = data if frame is None and hasattr(data, "iloc") else frame
        if frame is not None:
            names, rows = frame_columns(frame)
        else:
            given = next(iter(data), None) if data is not None and columns is None else None
            is_mapped = isinstance(given, Mapping)
            names = list(columns if columns is not None else given if is_mapped and given else COLUMNS)
            rows = [] if data is None else data
        for name in names:
            self._begin_column(name)
        for row in rows:
            self.add_data(*(row.values() if isinstance(row, Mapping) else row))

    def _begin_column(self, name: Any) -> None:
        text = str(name).encode("utf-8", "backslashreplace").decode()
        self._types.add(text, len(self.columns))
        self.columns.append(text)

    def _take(self, name: str, cell: Any) -> Any:
        is_plain = type(cell) in _NUMBERS or (type(cell) is str and cell.isascii())
        if is_plain and self._types.fits(name, cell):
            return cell
        taken = clean_cell(name, cell, self.faults)
        told = self._types.take(name, taken)
        if told is not None:
            self._tell("type", told)
        elif taken is None and not self._may_lack(name):
            self._tell(
                "optional", f"the column {name!r} of a Table got None, though optional=False: it is kept"
            )
        return taken

    def _may_lack(self, name: str) -> bool:
        if isinstance(self._optional, (list, tuple)):
            place = self.columns.index(name)
            return bool(self._optional[place]) if place < len(self._optional) else True
        return bool(self._optional)

    def _tell(self, what: str, text: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(Fault(f"table {what}", text))


FAULTS_MAX = 100
_NUMBERS = frozenset({int, float, bool})
