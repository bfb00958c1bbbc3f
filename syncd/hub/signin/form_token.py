"""Tokens of forms, against requests that another site makes in somebody's name (CSRF). No I/O.

A token is derived from a secret that only the browser's cookie and the hub have, so that nothing has to
be kept; it proves that the form came from this hub and went to this browser.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from tidelog.syncd.errors import FORBIDDEN, ProblemError

FIELD: Final = "token"
FETCH_SITE: Final = "Sec-Fetch-Site"
_OURS: Final = ("same-origin", "none")


def token_for(secret: str) -> str:
    """Return the token that goes into a form for the browser with this secret."""
    return hmac.new(secret.encode(), b"tidelog form", hashlib.sha256).hexdigest()


def check_form(secret: str | None, form: Mapping[str, object], headers: Mapping[str, str]) -> None:
    """Raise the problem of a form that did not come from this hub's page to this browser."""
    shown = form.get(FIELD)
    # Browsers say where a request comes from; other programs need not.
    is_ours = headers.get(FETCH_SITE, _OURS[0]) in _OURS
    if (
        secret is None
        or not is_ours
        or not isinstance(shown, str)
        or not shown.isascii()
        or not hmac.compare_digest(shown, token_for(secret))
    ):
        raise ProblemError(
            FORBIDDEN,
            "this form was not made by this hub's page for this browser, or is too old; load the page "
            "again",
        )
