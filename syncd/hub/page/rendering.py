"""Renders the page's templates, and its refusals as pages; jinja2 escapes whatever runs say."""

import json
import pkgutil
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from tidelog.datastore.text import size_text
from tidelog.syncd.errors import UNAUTHORIZED, ProblemError
from tidelog.syncd.hub.page.headers import HTML_HEADERS
from tidelog.syncd.hub.signin.way_back import SIGN_IN
from tidelog.syncd.hub.web.answers import problem_answer
from tidelog.syncd.hub.web.own_door import has_own_door
from tidelog.syncd.protocol import AUTHORIZATION

VALUE_CHARS_MAX = 300
SHORT_BELOW = 1e6


class Rendering:
    """The page's templates, compiled once."""

    def __init__(self) -> None:
        # What lies in the package is code, not data: its loaders find it, zipped or not.
        self.style, self.icon = (
            pkgutil.get_data(__package__, name) or b"" for name in ("page.css", "icon.svg")
        )
        self._environment = Environment(
            loader=PackageLoader(__package__),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {
            "value": value_text,
            "moment": moment,
            "minute": minute,
            "size": size_text,
            "sentence": sentence,
        }

    def __repr__(self) -> str:
        return f"<Rendering of {self._environment.list_templates()}>"

    def answer(self, template: str, *, status: int = 200, **facts: Any) -> web.Response:
        """Return a page; `facts` are what the template may name."""
        text = self._environment.get_template(template).render(**facts)
        # Names that are not UTF-8 came in as surrogates.
        body = text.encode(errors="replace")
        return web.Response(
            status=status, body=body, content_type="text/html", charset="utf-8", headers=HTML_HEADERS
        )

    def refuse(self, request: web.Request, problem: ProblemError) -> web.Response:
        """Return a refusal: as a page to who looks with a browser, else as a document.

        Whoever did not sign in, and came to an address that is none of the page's, is led to do so.
        """
        if has_own_door(request):
            return self._problem(problem)
        if not _is_of_browser(request):
            return problem_answer(problem)
        if problem.problem is UNAUTHORIZED:
            return see_other(SIGN_IN)
        return self._problem(problem)

    def _problem(self, problem: ProblemError) -> web.Response:
        answer = self.answer(
            "problem.html",
            status=problem.problem.status,
            title=problem.problem.title,
            detail=problem.detail,
            visitor=None,
        )
        answer.headers.update(problem.headers)
        return answer


def _is_of_browser(request: web.Request) -> bool:
    """Tell whether somebody opened this address in a browser: it asks for a page, and shows no key."""
    is_looking = request.method == "GET" and AUTHORIZATION not in request.headers
    return is_looking and "text/html" in request.headers.get("Accept", "")


def see_other(address: str) -> web.Response:
    """Send the browser to another page of this hub, with a GET."""
    return web.Response(status=303, headers={**HTML_HEADERS, "Location": address})


def value_text(value: object) -> str:
    """Return a value of a run as a short text: six digits of a number, none lost before the point."""
    if isinstance(value, float):
        return f"{value:.{6 if abs(value) < SHORT_BELOW else 15}g}"
    kind = kind_of_value(value)
    if kind == "media" and isinstance(value, Mapping):
        value = str(value.get("path"))
    elif kind is not None:
        # Dozens of counts and edges say nothing to who reads them.
        value = kind
    # As people wrote it, or else as JSON: how Python writes a value is no reader's concern.
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[: VALUE_CHARS_MAX - 1]}…"


def kind_of_value(value: object) -> str | None:
    """Return what a value is that is no plain JSON, such as "media" or "histogram"; None where it is."""
    kind = value.get("_type") if isinstance(value, Mapping) else None
    return kind if isinstance(kind, str) else None


def sentence(text: str) -> str:
    """Return a refusal as a sentence: programs get it as a part of one."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def moment(time: float | None) -> str:
    """Return a time as people read it, in UTC; "" where there is none or none that a calendar has."""
    return _written(time, "%Y-%m-%d %H:%M:%S UTC")


def minute(time: float | None) -> str:
    """Return a time as a list shows it, where all times are in UTC."""
    return _written(time, "%Y-%m-%d %H:%M")


def _written(time: float | None, form: str) -> str:
    if time is None:
        return ""
    try:
        return datetime.fromtimestamp(time, UTC).strftime(form)
    except (OverflowError, ValueError, OSError):
        return ""
