"""Cells of a table: what people put into one, as JSON or as media."""

from collections.abc import Mapping
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.sdk.config_values import clean_map
from tidelog.sdk.media.unwrapped import as_media
from tidelog.sdk.media.value import MediaValue
from tidelog.sdk.notices import Fault, shown
from tidelog.sdk.values import PLAIN, Unrecordable, clean_value

CELL_TEXT_CHARACTERS_MAX = 1_000_000


def clean_cell(column: str, cell: Any, faults: list[Fault]) -> Any:
    """Return a cell as plain values or a media value; what is neither is text, which is told."""
    if type(cell) in PLAIN and type(cell) is not str:
        return cell
    if isinstance(cell, MediaValue):
        return cell
    media = as_media(cell)
    if media is not None:
        return media
    if isinstance(cell, Mapping):
        plain, more = clean_map(cell)
        faults += more
        return plain
    if hasattr(cell, "isoformat"):  # Dates and times, those of pandas included.
        return str(cell.isoformat())
    if hasattr(cell, "tolist") and hasattr(cell, "shape") and cell.shape:
        return (cell.detach() if hasattr(cell, "detach") else cell).tolist()
    try:
        return clean_value(column, cell)
    except Unrecordable as error:
        text = str(cell)[:CELL_TEXT_CHARACTERS_MAX].encode("utf-8", "backslashreplace").decode()
        faults.append(
            Fault(
                "table cell", f"a cell of the column {shown(column)} of a Table is kept as text: {error}"
            )
        )
        return text


def freeze_cell(cell: Any, disk: Disk, faults: list[Fault]) -> Any:
    """Return a cell that nobody else changes: of media what is to be encoded; None where that fails."""
    if not isinstance(cell, MediaValue):
        return cell
    faults += cell.faults
    try:
        return cell.in_row() or cell.snapshot(disk)
    except Exception as error:  # noqa: BLE001 - an encoder may raise anything for what it is given.
        faults.append(cell_fault(error))
        return None


def cell_fault(error: Exception) -> Fault:
    """Return why a media cell is None."""
    return Fault("table media", f"a cell of a Table was left out: {error or repr(error)}")


def frame_columns(frame: Any) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """Return names and rows of a pandas DataFrame; what it lacks is None, and NaN among floats."""
    columns = []
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        is_float = getattr(column.dtype, "kind", "O") == "f"
        cells = column.tolist()
        if not is_float:
            lacks = column.isna().tolist()
            cells = [None if lack else cell for cell, lack in zip(cells, lacks, strict=True)]
        columns.append(cells)
    return list(frame.columns), list(zip(*columns, strict=True))
