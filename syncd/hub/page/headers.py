"""The headers with which the page's answers leave, and media on it. No I/O."""

from typing import Final

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

# No script may run, wherever it comes from; nothing is loaded but our style sheet and our pictures.
HTML_HEADERS: Final = {
    **_ALWAYS,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}

STYLE_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'",
    "Cache-Control": "max-age=300",
}

_SANDBOX: Final = (
    "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

PICTURE_HEADERS: Final = {
    **_ALWAYS,
    "Content-Security-Policy": _SANDBOX,
    "Content-Disposition": "inline",
}
# SVG and HTML are drawn, with their own styles and embedded pictures; in an origin that is nobody's,
# without scripts, forms and requests.
DOCUMENT_HEADERS: Final = {
    **_ALWAYS,
    "Content-Security-Policy": f"{_SANDBOX}; style-src 'unsafe-inline'; img-src data:",
    "Content-Disposition": "inline",
}
DOWNLOAD_HEADERS: Final = {
    **_ALWAYS,
    "Content-Security-Policy": _SANDBOX,
    "Content-Disposition": "attachment",
}
