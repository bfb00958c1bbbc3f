"""What the query of a reading call asks for: each value checked, nothing passed over. No I/O."""

from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from tidelog.syncd.errors import ProtocolError
from tidelog.syncd.hub.guard.guard import CALLER

VALUE_CHARS_MAX = 512
VALUES_MAX = 100
_SHOWN_CHARS = 80


class Reach(NamedTuple):
    """Who asks, which projects he may read, and what an answer's ETag must depend on for that."""

    who: str
    covers: Callable[[str], bool]
    etag: str = ""


def reach_of(request: web.Request) -> Reach:
    """Return whom a request comes from, as the guard let him in."""
    caller = request[CALLER]
    grants = (caller.account.grants, None if caller.key is None else caller.key.grants)
    return Reach(caller.account.name, caller.covers, repr(grants))


class Question:
    """The query of a request. Raises ProtocolError where it has a name or a value that is not known."""

    def __init__(self, request: web.Request, *names: str) -> None:
        self._query = request.query
        for name, value in self._query.items():
            if name not in names:
                known = ", ".join(names) or "none"
                raise ProtocolError(f"the query has {_short(name)}; this call knows {known}")
            if len(value) > VALUE_CHARS_MAX:
                raise ProtocolError(
                    f"the query's {name} has {len(value)} characters; the limit is {VALUE_CHARS_MAX}"
                )
        if len(self._query) > VALUES_MAX:
            raise ProtocolError(f"the query has {len(self._query)} values; the limit is {VALUES_MAX}")

    def text(self, name: str) -> str | None:
        """Return a value that may be given once."""
        values = self._query.getall(name, [])
        if len(values) > 1:
            raise ProtocolError(f"the query has {name} {len(values)} times; once is enough")
        return values[0] if values else None

    def texts(self, name: str) -> list[str]:
        """Return a value that may be given several times."""
        return self._query.getall(name, [])

    def number(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within its limits."""
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 15 and least <= int(text) <= most):
            raise ProtocolError(
                f"the query's {name} is {_short(text)}; expected a number from {least} to {most}"
            )
        return int(text)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Return one of a few words."""
        text = self.text(name)
        if text is not None and text not in choices:
            raise ProtocolError(
                f"the query's {name} is {_short(text)}; expected one of {', '.join(choices)}"
            )
        return default if text is None else text

    def choices(self, name: str, choices: tuple[str, ...]) -> frozenset[str]:
        """Return some of a few words, which may be given several times; none where none is given."""
        texts = self.texts(name)
        for text in texts:
            if text not in choices:
                raise ProtocolError(
                    f"the query's {name} is {_short(text)}; expected some of {', '.join(choices)}"
                )
        return frozenset(texts)


def _short(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN_CHARS else f"{shown[: _SHOWN_CHARS - 3]}..."
