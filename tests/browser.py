"""A browser for tests of the hub's page: keeps cookies, sends forms as they stand, follows nothing.

Only what a test must see is built: it reads real HTML and speaks real HTTP, but runs no page.
"""

import contextlib
import http.client
import ssl
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import Morsel, SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

from waiting import PATIENCE_S

URLENCODED = "application/x-www-form-urlencoded"
VOID = {"meta", "link", "input", "img", "br", "hr"}


@dataclass
class Form:
    """A form as it stands in a page: where it goes, and its fields as they are."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a page holds. Fails on tags that are not closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.images: list[dict[str, str | None]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self._link: str | None = None
        self.feed(text)
        assert [] == self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "form":
            self.forms.append(Form(str(attributes.get("method", "get")), str(attributes["action"])))
        elif tag == "input" and self.forms:
            self.forms[-1].fields[str(attributes["name"])] = attributes.get("value") or ""
        elif tag == "a":
            self._link = attributes.get("href")
        elif tag == "img":
            self.images.append(attributes)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop()
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        if words:
            self.text += f"{words}\n"
            if self._link is not None:
                self.links[words] = self._link

    def form(self, action: str) -> Form:
        return next(form for form in self.forms if form.action == action)


@dataclass(frozen=True)
class Reply:
    """What the hub answered to the browser."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def location(self) -> str:
        return str(self.headers["Location"])

    @property
    def page(self) -> Page:
        assert "text/html; charset=utf-8" == self.headers["Content-Type"]
        return Page(self.body.decode())

    def cookie(self, name: str) -> "Morsel[str]":
        """Return a cookie that this answer set, with its attributes."""
        jar: SimpleCookie = SimpleCookie()
        for line in self.headers.get_all("Set-Cookie", []):
            jar.load(line)
        return jar[name]


class Browser:
    """One person's browser at one hub."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._parts = urlsplit(url)
        self._tls = tls
        self.cookies: dict[str, str] = {}

    def get(self, path: str, **headers: str) -> Reply:
        return self.send("GET", path, headers=headers)

    def submit(self, form: Form, **fields: str) -> Reply:
        """Send a form with some of its fields filled in."""
        return self.post(form.action, {**form.fields, **fields})

    def post(self, path: str, fields: dict[str, str], **headers: str) -> Reply:
        sent = {"Content-Type": URLENCODED, **headers}
        return self.send("POST", path, urlencode(fields).encode(), headers=sent)

    def send(
        self, method: str, path: str, body: bytes | None = None, *, headers: dict[str, str] | None = None
    ) -> Reply:
        fields = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if self.cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = self._connection()
        with contextlib.closing(connection):
            connection.request(method, path, body, fields)
            with connection.getresponse() as response:
                reply = Reply(response.status, response.headers, response.read())
        self._keep(reply)
        return reply

    def sign_in(self, key: str, *, way_back: str = "") -> Reply:
        """Sign in by key, by the form that the hub shows."""
        form = self.get("/signin").page.form("/signin")
        return self.submit(form, key=key, **({"next": way_back} if way_back else {}))

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        return http.client.HTTPSConnection(host, port, timeout=PATIENCE_S, context=self._tls)

    def _keep(self, reply: Reply) -> None:
        jar: SimpleCookie = SimpleCookie()
        for line in reply.headers.get_all("Set-Cookie", []):
            jar.load(line)
        for name, morsel in jar.items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


def following(browser: Browser, reply: Reply) -> Reply:
    """Follow one redirect within the hub."""
    assert 303 == reply.status
    return browser.get(reply.location)


def policy(headers: Any) -> dict[str, str]:
    """Return the directives of a Content-Security-Policy."""
    directives = [part.strip().partition(" ") for part in headers["Content-Security-Policy"].split(";")]
    return {name: value for name, _, value in directives}
