"""Texts of any length, as files: a row itself holds up to 64 KiB of a value."""

import os
from functools import partial
from typing import Any, ClassVar

from tidelog.datastore.disk import Disk
from tidelog.sdk.media.source import bytes_of, read_path, require_size
from tidelog.sdk.media.value import Encoded, Keep, MediaValue, Snapshot

S_PER_BYTE = 2e-9


class Text(MediaValue):
    """A text to log: a string, a `Path` to a file of it, or an open file."""

    type: ClassVar[str] = "text"
    folder: ClassVar[str] = "texts"

    def __init__(self, data: Any, caption: object = None, **unknown: object) -> None:
        super().__init__(caption, unknown=unknown)
        self._hold(lambda: _take(data))

    def snapshot(self, disk: Disk) -> Snapshot:
        """Return the text."""
        held = self._require_held()
        data = held if isinstance(held, bytes) else read_path(held, disk, kind="text")
        require_size(len(data), "it has", kind="text")
        return Snapshot(len(data), len(data) * S_PER_BYTE, partial(self._encode, data))

    def _encode(self, data: bytes, _keep: Keep) -> Encoded:
        return Encoded(self.type, self.folder, "txt", data, self._captioned({}))


def _take(data: Any) -> Any:
    """Return UTF-8, or the path of a file."""
    if isinstance(data, str):
        return data.encode("utf-8", "backslashreplace")  # Lone surrogates, as from odd file names.
    if isinstance(data, os.PathLike):
        return data
    content = bytes_of(data)
    return str(data).encode("utf-8", "backslashreplace") if content is None else content
