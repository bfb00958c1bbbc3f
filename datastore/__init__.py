"""The ground floor of tidelog: the log format, and all that reads or writes it.

    from tidelog.datastore import Reader, Writer, DatastoreError

Names are loaded when they are asked for, so that a training script pays for the writer alone.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidelog.datastore.columns import Columns, Series
    from tidelog.datastore.digest import MediaFile
    from tidelog.datastore.errors import (
        ComparisonError,
        DamagedLogError,
        DatastoreError,
        InvalidNameError,
        MissingPackageError,
        NotALogError,
        NotARunError,
        ReaderClosedError,
        RecordError,
        UnsupportedUrlError,
        UnsupportedVersionError,
        WriterClosedError,
    )
    from tidelog.datastore.limits import WriterLimits
    from tidelog.datastore.outline import SavedFile
    from tidelog.datastore.reader import Reader
    from tidelog.datastore.records import Histogram, Media, Record
    from tidelog.datastore.root import Root, open_root
    from tidelog.datastore.run_info import RunInfo
    from tidelog.datastore.sampler import MinMaxSampler
    from tidelog.datastore.scan import Damage, TornTail
    from tidelog.datastore.table import Table
    from tidelog.datastore.writer import Writer

_HOMES = {
    "columns": ("Columns", "Series"),
    "digest": ("MediaFile",),
    "limits": ("WriterLimits",),
    "errors": (
        "ComparisonError",
        "DamagedLogError",
        "DatastoreError",
        "InvalidNameError",
        "MissingPackageError",
        "NotALogError",
        "NotARunError",
        "ReaderClosedError",
        "RecordError",
        "UnsupportedUrlError",
        "UnsupportedVersionError",
        "WriterClosedError",
    ),
    "outline": ("SavedFile",),
    "reader": ("Reader",),
    "records": ("Histogram", "Media", "Record"),
    "root": ("Root", "open_root"),
    "run_info": ("RunInfo",),
    "sampler": ("MinMaxSampler",),
    "scan": ("Damage", "TornTail"),
    "table": ("Table",),
    "writer": ("Writer",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [  # noqa: RUF022 - grouped as _HOMES is
    "Columns",
    "Series",
    "MediaFile",
    "ComparisonError",
    "DamagedLogError",
    "DatastoreError",
    "InvalidNameError",
    "MissingPackageError",
    "NotALogError",
    "NotARunError",
    "ReaderClosedError",
    "RecordError",
    "UnsupportedUrlError",
    "UnsupportedVersionError",
    "WriterClosedError",
    "SavedFile",
    "Reader",
    "Histogram",
    "Media",
    "Record",
    "Root",
    "RunInfo",
    "open_root",
    "MinMaxSampler",
    "Damage",
    "TornTail",
    "Table",
    "Writer",
    "WriterLimits",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
