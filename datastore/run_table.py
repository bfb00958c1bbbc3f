"""Runs as a table: a row each, a column for each key of config and summary. No I/O."""

from collections.abc import Iterable, Mapping
from typing import Any

from tidelog.datastore.columns import MISSING, Columns, make_column
from tidelog.datastore.run_info import FIELDS, RunInfo

SPREAD = ("config", "summary")
"""Fields that are maps and become a column per key in a table."""

LEVELS_SPREAD = 16
"""What lies deeper than this stays a map: nobody names a column by so many keys."""

NAMES = ("project", "id", "name")

GROUPING = ("group", "job_type", "tags")
"""Of the metadata a table shows what people group runs by."""


def table_of(runs: Iterable[RunInfo]) -> Columns:
    """Return one row per run. Config inside config is spread over columns: `config.model.depth`."""
    rows = [_flat(run) for run in runs]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: make_column([row.get(name, MISSING) for row in rows]) for name in names}
    return Columns(columns, rows=len(rows))


def _flat(run: RunInfo) -> dict[str, Any]:
    fields = run.fields()
    metadata = fields.pop("metadata")
    flat = {name: fields.pop(name) for name in FIELDS if name in fields and name not in SPREAD}
    # Bytes of a path that are no UTF-8 are surrogates, which no other program takes as text.
    flat |= {name: flat[name].encode(errors="backslashreplace").decode() for name in NAMES}
    flat |= {name: metadata[name] for name in GROUPING if name in metadata}
    for name in SPREAD:
        flat |= _spread(name, fields[name])
    return flat


def _spread(name: str, values: Mapping[str, Any], *, levels_left: int = LEVELS_SPREAD) -> dict[str, Any]:
    spread: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value and levels_left:
            spread |= _spread(f"{name}.{key}", value, levels_left=levels_left - 1)
        else:
            spread[f"{name}.{key}"] = value
    return spread
