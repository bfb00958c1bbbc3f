"""The cookies of the page. No I/O.

Over TLS, here or at a proxy, their names begin with `__Host-`: no other host of the domain and no plain
connection can set one. Over plain HTTP, on the loopback address, browsers would refuse such a name.
"""

from typing import Final

from aiohttp import web

SESSION: Final = "tidelog-session"
FORM: Final = "tidelog-form"
"""Ties the form of the sign-in to the browser that asked for it."""
FLOW: Final = "tidelog-sso"
"""Ties the answer of the provider to the browser that was sent there."""
HOST_PREFIX: Final = "__Host-"
SECRET_CHARS_MAX: Final = 4096


class Cookies:
    """Sets, reads and clears cookies; `is_secure` is whether browsers reach this hub by TLS."""

    def __init__(self, *, is_secure: bool) -> None:
        self.is_secure = is_secure

    def __repr__(self) -> str:
        return f"<Cookies, {'secure' if self.is_secure else 'plain'}>"

    def name(self, cookie: str) -> str:
        """Return the name that a cookie has on the wire."""
        return HOST_PREFIX + cookie if self.is_secure else cookie

    def read(self, request: web.Request, cookie: str) -> str | None:
        """Return what a cookie holds, None without one or with one that is none of ours."""
        value = request.cookies.get(self.name(cookie))
        return value if value and len(value) <= SECRET_CHARS_MAX and value.isascii() else None

    def set(self, answer: web.StreamResponse, cookie: str, value: str, *, life_s: float | None) -> None:
        """Set a cookie for `life_s`; None is until the browser is closed."""
        answer.set_cookie(
            self.name(cookie),
            value,
            max_age=None if life_s is None else int(life_s),
            path="/",
            secure=self.is_secure,
            httponly=True,
            samesite="Lax",
        )

    def clear(self, answer: web.StreamResponse, cookie: str) -> None:
        """Let the browser forget a cookie."""
        answer.del_cookie(
            self.name(cookie), path="/", secure=self.is_secure, httponly=True, samesite="Lax"
        )
