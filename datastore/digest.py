"""What one log holds, known only to those who read all of it: its rows and its media. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tidelog.datastore.format import Chunk
from tidelog.datastore.outline import LogOutline
from tidelog.datastore.records import KIND_NAMES, Content, Media, media_within


class MediaFile(NamedTuple):
    """A media file of a run: under which key and at which step it was logged, where it lies.

    `path` is relative to the run directory, `size` in bytes; `details` holds what its type adds, such
    as width and height in pixels.
    """

    key: str
    step: int
    type: str
    path: str
    sha256: str
    size: int
    caption: str | None
    details: dict[str, Any]


class LogDigest(LogOutline):
    """The outline of a log, its ledger of media, and how many rows could be read."""

    def __init__(self) -> None:
        super().__init__()
        self.media: list[MediaFile] = []
        self.rows_read = 0
        self.unknown_records = 0

    def take(self, chunk: Chunk, content: Content, schemas: dict[int, tuple[str, ...]]) -> None:
        """Take one decoded chunk into account."""
        if content is None:
            self.unknown_records += 1
        super().take(chunk, content, schemas)

    def take_row(self, record: list[Any], names: tuple[str, ...]) -> dict[str, Any]:
        """Take one row and the media that it mentions."""
        values = super().take_row(record, names)
        self.rows_read += 1
        self.media.extend(media_of(record[2], values))
        return values

    def take_record(self, record: list[Any]) -> None:
        """Take one record that is no row, be it of a kind that is newer than this."""
        if record[0] not in KIND_NAMES:
            self.unknown_records += 1
        super().take_record(record)


def media_of(step: int, values: Mapping[str, Any]) -> Iterator[MediaFile]:
    """Yield the media that a row's values mention."""
    for key, value in values.items():
        if isinstance(value, (Media, list, dict)):
            for media in media_within([value]):
                yield _media_file(key, step, media)


def _media_file(key: str, step: int, media: Media) -> MediaFile:
    details = dict(media.details)
    caption = details.pop("caption", None)
    return MediaFile(key, step, media.type, media.path, media.sha256, media.size, caption, details)
