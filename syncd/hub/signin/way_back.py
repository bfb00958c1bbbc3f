"""Where the page goes after the sign-in: a place of this hub, whatever the request said. No I/O."""

import re
from typing import Final
from urllib.parse import quote

HOME: Final = "/"
KEYS: Final = "/keys"
SIGN_IN: Final = "/signin"
SSO: Final = "/signin/sso"
SSO_ANSWER: Final = "/signin/sso/answer"
"""Where the provider sends the browser back to: the redirect URI that is registered there."""
CHARS_MAX: Final = 4096

# One slash, then a word of ours: no second slash or backslash, which browsers take for another host.
_OURS = re.compile(r"/(?:runs/[!-~]*|keys|\?[!-~]*)?", re.ASCII)


def safe_way_back(text: object) -> str:
    """Return the path where it is one of the page's own, else the page's first."""
    if isinstance(text, str) and len(text) <= CHARS_MAX and "\\" not in text and _OURS.fullmatch(text):
        return text
    return HOME


def sign_in_address(way_back: str) -> str:
    """Return the address of the sign-in that leads back here."""
    return _leading_back(SIGN_IN, way_back)


def sso_address(way_back: str) -> str:
    """Return the address that sends to the provider, and from there back here."""
    return _leading_back(SSO, way_back)


def _leading_back(address: str, way_back: str) -> str:
    wanted = safe_way_back(way_back)
    return address if wanted == HOME else f"{address}?next={quote(wanted, safe='')}"
