"""Stands in for the `write` of a text stream: what is written goes where it went, and is kept as well.

The stream itself stays what it is and where it is, for all who hold it or ask it anything: one that a
logging handler was bound to before is heard, one that takes its place later is left alone.
"""

from collections.abc import Callable
from typing import Any

Keep = Callable[[str], None]


class Tee:
    """The `write` of one stream, from `start` to `stop`."""

    def __init__(self, stream: Any, keep: Keep) -> None:
        """Hand over to `keep`, which must not raise; it is called before the text is shown."""
        self.stream = stream
        self._before = stream.write
        self._was_own = "write" in _own(stream)  # Such as IPython's, which is there for a cell.
        self._write, self._set_keep = _tee(stream.write, keep)
        self._is_stopped = False

    def start(self) -> bool:
        """Listen to the stream; tell whether that can be done."""
        try:
            self.stream.write = self._write
        except (AttributeError, TypeError):
            return False  # An object without attributes of its own.
        return True

    @property
    def is_in_place(self) -> bool:
        """Whether nobody has put another `write` in the place of ours."""
        return _own(self.stream).get("write") is self._write

    def keep_by(self, keep: Keep) -> None:
        """Hand over to another function from now on; after `stop` to none."""
        if not self._is_stopped:
            self._set_keep(keep)

    def stop(self) -> None:
        """Leave the stream as it was, unless somebody has put another `write` in the place of ours."""
        self._is_stopped = True
        self._set_keep(_forget)
        if self.is_in_place and self._was_own:
            self.stream.write = self._before
        elif self.is_in_place:
            del self.stream.write


def _own(stream: Any) -> dict[str, Any]:
    """Return the attributes of the object itself, without those of its class."""
    own: dict[str, Any] = getattr(stream, "__dict__", {})
    return own


def _tee(write: Callable[[str], Any], keep: Keep) -> tuple[Callable[[str], Any], Callable[[Keep], None]]:
    """Return the two in one, and what sets `keep`. A closure: each name less is time of every print."""

    def tee(text: str, /) -> Any:
        keep(text)
        return write(text)

    def set_keep(new: Keep) -> None:
        nonlocal keep
        keep = new

    return tee, set_keep


def _forget(_text: str) -> None:
    """Keep nothing."""
