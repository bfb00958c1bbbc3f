"""What of a diff may be kept: whole files only, and no credential. No I/O.

A patch must still apply. So a key in a line that was added is replaced by `***`, and a file is left
out where a key stands in a line that git compares with the commit.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tidelog.sdk.facts.secrets import has_credential, hide_credentials

_BEGIN = re.compile(rb"^diff --git ", re.MULTILINE)
_FILE = re.compile(rb'diff --git (?:"?a/(.*?)"?) (?:"?b/.*"?)')
_SECRET_FILE = re.compile(
    r"(^|/)(\.env(\.(?!example|sample|template)[^/]*)?|\.netrc|\.pypirc|\.npmrc|\.htpasswd|id_(rsa|dsa|ecdsa|ed25519)"
    r"|[^/]*\.(pem|key|p12|pfx|keystore|jks|kdbx)|credentials(\.json)?|secrets?\.(json|ya?ml|toml|env))$",
    re.IGNORECASE,
)


class Patch(NamedTuple):
    """A diff to keep, the files left out of it, and those in which a credential was hidden."""

    data: bytes
    left_out: list[str]
    hidden: list[str]


def clean_patch(diff: bytes, *, is_cut: bool) -> Patch:
    """Return what may be kept of a diff; of one that was cut, the files before the cut."""
    kept, left_out, hidden = [], [], []
    sections = list(_sections(diff))
    for index, section in enumerate(sections):
        name = _name(section)
        cleaned = None if is_cut and index == len(sections) - 1 else _clean(section, name)
        if cleaned is None:
            left_out.append(name)
            continue
        if cleaned != section:
            hidden.append(name)
        kept.append(cleaned)
    return Patch(b"".join(kept), left_out, hidden)


def _sections(diff: bytes) -> Iterator[bytes]:
    """Yield a file's part after the other; lines of content never begin as a header does."""
    starts = [match.start() for match in _BEGIN.finditer(diff)]
    for start, end in pairwise([*starts, len(diff)]):
        yield diff[start:end]


def _name(section: bytes) -> str:
    match = _FILE.match(section.partition(b"\n")[0])
    return "?" if match is None else match[1].decode(errors="backslashreplace")


def _clean(section: bytes, name: str) -> bytes | None:
    """Return a file's part without credentials, None where that cannot be."""
    if _SECRET_FILE.search(name):
        return None
    lines = section.splitlines(keepends=True)
    for index, line in enumerate(lines):
        if len(line) < 16 or line[:1] not in b"+- ":  # Headers and the letters of binary files.
            continue
        text = line.decode("latin-1")  # Every byte is a character, and comes back as it was.
        if has_credential(text):
            if line[:1] != b"+":
                return None
            lines[index] = hide_credentials(text).encode("latin-1")
    return b"".join(lines)
