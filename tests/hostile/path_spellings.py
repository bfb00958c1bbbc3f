"""Thousands of spellings of names that lead where nobody may go, made by rule.

Goals times ways to write them times endings, and single ones. A spelling is bytes as they stand in the
address of a request; `value_of` is what it means once decoded, for fields of JSON and msgpack.
"""

from collections.abc import Callable, Iterator
from urllib.parse import quote, unquote_to_bytes

GOALS = (
    "..",
    "../..",
    "../outside",
    "../outside/secret.txt",
    "../../outside/secret.txt",
    "../../../../outside/secret.txt",
    "../../../../../../../../etc/passwd",
    "/etc/passwd",
    "./outside",
    "a/../../b",
    ".hub",
    ".hub/keys.json",
    "../../.hub/keys.json",
)


def _each(text: str, form: Callable[[str], str], of: str = "./") -> str:
    return "".join(form(c) if c in of else c for c in text)


def _percent(c: str) -> str:
    return "".join(f"%{byte:02x}" for byte in c.encode())


OVERLONG_2 = {".": "%c0%ae", "/": "%c0%af"}
OVERLONG_3 = {".": "%e0%80%ae", "/": "%e0%80%af"}
OVERLONG_4 = {".": "%f0%80%80%ae", "/": "%f0%80%80%af"}

WAYS: tuple[Callable[[str], str], ...] = (
    lambda goal: goal,
    lambda goal: goal.replace("/", "%2f"),
    lambda goal: goal.replace("/", "%2F"),
    lambda goal: goal.replace(".", "%2e"),
    lambda goal: _each(goal, _percent),
    lambda goal: "".join(map(_percent, goal)),
    lambda goal: _each(goal, lambda c: _percent(c).replace("%", "%25")),
    lambda goal: _each(goal, lambda c: _percent(c).replace("%", "%2525")),
    lambda goal: _each(goal, OVERLONG_2.__getitem__),
    lambda goal: _each(goal, OVERLONG_3.__getitem__),
    lambda goal: _each(goal, OVERLONG_4.__getitem__),
    lambda goal: _each(goal, lambda c: f"%u00{ord(c):02x}"),
    lambda goal: quote(goal.encode("utf-16-le")),
    lambda goal: quote(goal.encode("utf-16")),
    lambda goal: goal.replace("/", "\\"),
    lambda goal: goal.replace("/", "%5c"),
    lambda goal: goal.replace("/", "%5C%5c"),
    lambda goal: quote(goal.replace("/", "\uff0f").replace(".", "\uff0e")),
    lambda goal: quote(goal.replace("/", "\u2215").replace(".", "\u2024")),
    lambda goal: quote(goal.replace("/", "\u2044")),
    lambda goal: goal.replace("/", ";/"),
    lambda goal: goal.replace("..", "..;a=b"),
    lambda goal: goal.replace("..", ".%00."),
    lambda goal: goal.replace("..", ".%0d%0a."),
    lambda goal: goal.replace("..", ".%e2%80%8b."),
    lambda goal: goal.replace("..", "%e2%80%ae.."),
    lambda goal: goal.replace("..", "..%cc%81"),
    lambda goal: goal.replace("..", "....//"),
    lambda goal: goal.replace("/", "//"),
    lambda goal: goal.replace("/", "/./"),
    lambda goal: goal.replace("..", ".. "),
    lambda goal: goal.replace("..", "..%20"),
)

ENDINGS = (
    "",
    "%00",
    "%00.tlog",
    ".png",
    "?x=/../",
    "#x",
    ";v=1",
    "%20",
    ".",
    "%0d%0aX:%20y",
    "/",
    "%2f",
)

TRAPS = (
    b"linkproject",
    b"linkrun",
    b"link",
    b"secret.txt",
    b"link/secret.txt",
    b"link/x",
    b"media/link/secret.txt",
    b"media/link/new",
    b"files/secret.txt",
    b"media/dangling",
    b"main.0002.tlog",
    b".hub",
    b"-rf",
)
"""Names behind which something lies that nobody may reach: planted links, the hub's own folder."""

SINGLE = (
    b"",
    b"%",
    b"%2",
    b"%zz",
    b"%%32%65",
    b"~",
    b"~root",
    b"--",
    b"a:b",
    b"c:",
    b"C:%5Cwindows",
    b"%5C%5Cserver%5Cshare",
    b"%5C%5C.%5Cpipe%5Cx",
    b"file:///etc/passwd",
    b"$HOME",
    b"${HOME}",
    b"`id`",
    b"a|b",
    b"*",
    b"?",
    b"a*b",
    b"latest",
    b"hub.lock",
    b"run.json",
    b"summary.json",
    b"x.tmp",
    b"main.0001.tlog.tmp",
    b"main.00001.tlog",
    b"main.0001.tlog/x",
    b"MAIN.0001.TLOG",
    b"media",
    b"files",
    b"media/",
    b"media//x",
    b"media/../../../../outside/secret.txt",
    b"files/../run.json",
    b"a" * 128,
    b"a" * 129,
    b"a" * 4096,
    b"a/" * 511 + b"a",
    b"a/" * 2000,
    b"../" * 1000,
    b"%2e%2e%2f" * 400,
    "é".encode() * 64,
    "é".encode() * 65,
    quote("é").encode() * 64,
    quote("e\u0301").encode(),
    quote("\u00e9").encode(),
    quote("\u212b").encode(),
    quote("\ufb01").encode(),
    quote("p\u0430ypal").encode(),
    quote("\u2025").encode(),
    quote("\u2026").encode(),
    quote("\U000e0041").encode(),
)
DEVICES = (
    "con",
    "prn",
    "aux",
    "nul",
    "com1",
    "lpt9",
    "conin$",
    "NUL.txt",
    "aux.tlog",
    "nul.",
    "con ",
    "com1:x",
)
BIDI = (*range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x206A), 0xFEFF, 0x061C, 0x00AD)


def spellings() -> list[bytes]:
    """Return all of them, each once, always in the same order."""
    return list(dict.fromkeys(_all()))


def value_of(spelling: bytes) -> str:
    """Return a spelling decoded once; bytes that are no UTF-8 become surrogates."""
    return unquote_to_bytes(spelling).decode(errors="surrogateescape")


def _all() -> Iterator[bytes]:
    yield from TRAPS
    yield from SINGLE
    yield from (quote(name).encode() for name in DEVICES)
    yield from (f"a{quote(chr(code))}b".encode() for code in BIDI)
    for byte in range(256):
        yield f"a%{byte:02X}b".encode()
        yield b"a" + bytes([byte]) + b"b"
        yield f"%{byte:02x}".encode()
    for way in WAYS:
        for goal in GOALS:
            for ending in ENDINGS:
                yield (way(goal) + ending).encode()
