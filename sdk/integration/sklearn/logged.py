"""Turns a function that makes a chart into one that logs it."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec

from tidelog import sdk
from tidelog.sdk.harmless import harmless
from tidelog.sdk.media.table import Table
from tidelog.sdk.plot import Chart

P = ParamSpec("P")


def logged(key: str) -> Callable[[Callable[P, Chart]], Callable[P, None]]:
    """Return a decorator: the chart is logged under `key`, what goes wrong is told."""

    def decorate(draw: Callable[P, Chart]) -> Callable[P, None]:
        @harmless
        @wraps(draw)
        def log(*args: P.args, **kwargs: P.kwargs) -> None:
            sdk.log({key: draw(*args, **kwargs)})

        return log

    return decorate


def chart(
    kind: str,
    title: str,
    columns: Mapping[str, Sequence[Any]],
    **fields: str,
) -> Chart:
    """Return a chart of columns by name, all of one length; `fields` says which is what."""
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return Chart(Table(columns=list(columns), data=rows), kind=kind, title=title, fields=fields)
