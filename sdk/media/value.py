"""What every media value offers: its caption, what is wrong with it, and how it becomes a file.

Making one never raises, whatever it is made from: what is wrong is kept, and told when it is logged.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tidelog.datastore.disk import Disk
from tidelog.datastore.records import Histogram, Media
from tidelog.sdk.notices import Fault

LATER: Final = object()
"""Stands for a media value that comes in a second row of its step."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The bytes of a file below `media/<folder>`, and what a page must know before it loads them."""

    type: str
    folder: str
    suffix: str
    data: bytes
    details: Mapping[str, Any] = field(default_factory=dict)


Keep = Callable[[Encoded], Media]
"""Puts the file of something that belongs to a media value in place, such as a mask of an image."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A media value as it was when it was logged: nobody changes what it is made from any more.

    `size_bytes` is the memory that waiting costs, `encode_s` about how long `encode` takes (measured:
    see docs/decisions.md). `encode` raises ValueError for what cannot be encoded.
    """

    size_bytes: int
    encode_s: float
    encode: Callable[[Keep], Encoded]


class MediaValue:
    """Base of what `log()` records as media; what it is made from may change once it is made.

    A subclass gives `snapshot`, or `in_row` where it needs no file.
    """

    type: ClassVar[str]
    folder: ClassVar[str] = ""

    def __init__(self, caption: object = None, *, unknown: Iterable[str] = ()) -> None:
        """Take a caption, and the names of arguments that nobody here knows."""
        self.caption = None if caption is None else str(caption)
        self.faults: list[Fault] = []
        self._held: Any = None
        self._error: Exception | None = None
        name = type(self).__name__
        for argument in unknown:
            text = f"{name}({argument}=...) is not known here and has no effect: leave it out"
            self.faults.append(Fault(f"{self.type} {argument}", text))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, caption {self.caption!r}>"

    def snapshot(self, disk: Disk) -> Snapshot:
        """Return what is to be encoded. Raises ValueError where it was made from something else."""
        raise NotImplementedError

    def in_row(self) -> Histogram | None:
        """Return what stands in the row itself, None for what becomes a file."""
        return None

    def _hold(self, make: Callable[[], Any]) -> None:
        """Keep what is encoded later, or why there is none."""
        try:
            self._held = make()
        except Exception as error:  # noqa: BLE001 - foreign objects may raise anything.
            self._error = error

    def _require_held(self) -> Any:
        if self._error is not None:
            raise ValueError(str(self._error) or repr(self._error)) from self._error
        return self._held

    def _captioned(self, details: Mapping[str, Any]) -> dict[str, Any]:
        return dict(details) if self.caption is None else {**details, "caption": self.caption}
