"""A chart: a table, and how its columns are to be drawn. It is logged as the table that it is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tidelog.datastore.disk import Disk
from tidelog.sdk.media.table import Table
from tidelog.sdk.media.value import Encoded, MediaValue, Snapshot


class Chart(MediaValue):
    """A table of which a page may draw `kind`; every number that was given is in the table.

    `fields` says which column is what: `{"x": "recall", "y": "precision"}`.
    """

    type = "table"

    def __init__(self, table: Table, *, kind: str, title: str, fields: Mapping[str, str]) -> None:
        super().__init__()
        self.table = table
        self.kind = kind
        self.title = title
        self.fields = dict(fields)

    def __repr__(self) -> str:
        return f"<Chart {self.kind}, {self.title!r}>"

    def snapshot(self, disk: Disk) -> Snapshot:
        """Return the table's snapshot, with the chart in its details."""
        held = self.table.snapshot(disk)
        chart = {"kind": self.kind, "title": self.title, "fields": self.fields}

        def encode(keep: Any) -> Encoded:
            encoded = held.encode(keep)
            return replace(encoded, details={**encoded.details, "chart": chart})

        return replace(held, encode=encode)
