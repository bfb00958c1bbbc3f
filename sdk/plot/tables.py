"""Charts of a table that somebody has: lines, points, bars; and of several series of numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

from tidelog.sdk.media.table import Table
from tidelog.sdk.plot.chart import Chart


def line(
    table: Table,
    x: str,
    y: str,
    stroke: str | None = None,
    title: str = "",
    split_table: bool = False,  # noqa: FBT001, FBT002, ARG001 - wandb's signature; it changes its page alone.
) -> Chart:
    """Return a chart of y over x, a line for each value of the column `stroke`."""
    fields = {"x": x, "y": y} if stroke is None else {"x": x, "y": y, "stroke": stroke}
    return _of_columns("line", table, title, fields)


def scatter(
    table: Table,
    x: str,
    y: str,
    title: str = "",
    split_table: bool = False,  # noqa: FBT001, FBT002, ARG001 - as above.
) -> Chart:
    """Return a chart of a point per row."""
    return _of_columns("scatter", table, title, {"x": x, "y": y})


def bar(
    table: Table,
    label: str,
    value: str,
    title: str = "",
    split_table: bool = False,  # noqa: FBT001, FBT002, ARG001 - as above.
) -> Chart:
    """Return a chart of a bar per row."""
    return _of_columns("bar", table, title, {"label": label, "value": value})


def histogram(
    table: Table,
    value: str,
    title: str = "",
    split_table: bool = False,  # noqa: FBT001, FBT002, ARG001 - as above.
) -> Chart:
    """Return a chart of how a column's numbers are distributed."""
    return _of_columns("histogram", table, title, {"value": value})


def line_series(
    xs: Iterable[Any],
    ys: Iterable[Iterable[Any]],
    keys: Iterable[str] | None = None,
    title: str = "",
    xname: str = "x",
    split_table: bool = False,  # noqa: FBT001, FBT002, ARG001 - as above.
) -> Chart:
    """Return a chart of several lines: `ys` is a list of them, `xs` theirs, or one for all.

    Raises ValueError where there are not as many `xs` or `keys` as lines, or values.
    """
    lines = [list(each) for each in ys]
    first = list(xs)
    shared = not first or not _is_series(first[0])
    axes = [first] * len(lines) if shared else [list(each) for each in first]
    names = [f"line_{number}" for number in range(len(lines))] if keys is None else list(keys)
    if not len(axes) == len(lines) == len(names):
        raise ValueError(f"{len(lines)} lines have {len(axes)} xs and {len(names)} keys")
    rows = [
        [x, name, y]
        for axis, name, values in zip(axes, names, lines, strict=True)
        for x, y in zip(axis, values, strict=True)
    ]
    table = Table(columns=[xname, "key", "y"], data=rows)
    return _of_columns("line_series", table, title, {"x": xname, "y": "y", "stroke": "key"})


def plot_table(
    vega_spec_name: str,
    data_table: Table,
    fields: Mapping[str, str],
    string_fields: Mapping[str, str] | None = None,
    split_table: bool = False,  # noqa: FBT001, FBT002, ARG001 - as above.
) -> Chart:
    """Return a chart that is to be drawn by a Vega specification of that name."""
    title = dict(string_fields or {}).get("title", "")
    return _of_columns(vega_spec_name, data_table, title, fields)


def _is_series(value: object) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, (str, bytes))


def _of_columns(kind: str, table: Table, title: str, fields: Mapping[str, str]) -> Chart:
    missing = [column for column in fields.values() if column not in table.columns]
    if missing:
        raise ValueError(f"the table has no column {', '.join(missing)}; it has {table.columns}")
    return Chart(table, kind=kind, title=title, fields=fields)
