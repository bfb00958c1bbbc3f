"""A table's file: JSON of columns, their types and rows, which any language reads without our code."""

import json
from typing import Any

from tidelog.datastore.as_json import plain
from tidelog.datastore.records import Histogram, Media
from tidelog.sdk.media.column_types import PLAIN
from tidelog.sdk.media.table_cells import cell_fault
from tidelog.sdk.media.value import Keep, Snapshot
from tidelog.sdk.notices import Fault

CELL_S = 0.3e-6
ROWS_AT_ONCE = 200
"""Training goes on between two pieces: while a piece is made into text, Python does nothing else."""
MEDIA_CELLS_MAX = 20_000


def encode_table(
    columns: list[str], types: dict[str, str], rows: list[list[Any]], *, keep: Keep, faults: list[Fault]
) -> tuple[bytes, list[Media]]:
    """Return the file, and the media that its cells are; a cell that cannot be encoded is None.

    Raises ValueError for too many files, OSError where one cannot be written.
    """
    media: dict[str, Media] = {}
    if not PLAIN.issuperset(types.values()):
        rows = [[_encoded(cell, keep, media, faults) for cell in row] for row in rows]
    head = json.dumps({"columns": columns, "column_types": types}, ensure_ascii=False)
    pieces = [_rows_json(rows[at : at + ROWS_AT_ONCE]) for at in range(0, len(rows), ROWS_AT_ONCE)]
    text = f'{head[:-1]}, "data": [{", ".join(pieces)}]}}'
    return text.encode(), list(media.values())


def _encoded(cell: Any, keep: Keep, media: dict[str, Media], faults: list[Fault]) -> Any:
    """Return a cell as JSON has it; the file of one that is media is in place."""
    if not isinstance(cell, Snapshot):
        return plain(cell) if isinstance(cell, Histogram) else cell
    if len(media) >= MEDIA_CELLS_MAX:
        raise ValueError(
            f"a table has more than {MEDIA_CELLS_MAX} files in its cells: log it in parts, "
            'with log_mode="INCREMENTAL"'
        )
    try:
        kept = keep(cell.encode(keep))
    except OSError:  # As it is for this one it is for the table.
        raise
    except Exception as error:  # noqa: BLE001 - an encoder may raise anything for what it is given.
        faults.append(cell_fault(error))
        return None
    media[kept.path] = kept
    return plain(kept)


def _rows_json(rows: list[list[Any]]) -> str:
    try:
        text = json.dumps(rows, ensure_ascii=False, allow_nan=False)
    except ValueError:  # JSON has no NaN and no infinities: they are text.
        text = json.dumps(plain(rows), ensure_ascii=False, allow_nan=False)
    return text[1:-1]
