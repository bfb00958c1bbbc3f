"""The grammar of names: what a project, a run or a file may be called. No I/O.

The same grammar guards the hub, where a client's name becomes a path.
"""

import re

from tidelog.datastore.errors import InvalidNameError

NAME_BYTES_MAX = 128
FILE_PATH_BYTES_MAX = 1024
KEY_STEM_BYTES_MAX = 64

_FORBIDDEN = '/\\:*?"<>|'
_UNSAFE_IN_STEM = re.compile(r"[^\w.-]+")


def check_name(kind: str, name: object) -> str:
    """Return `name` where it may name a project, a run or a file; `kind` is for the message.

    Raises InvalidNameError with the value, the limit and the remedy.
    """
    fault = _name_fault(name)
    if fault is not None:
        raise InvalidNameError(
            f"{kind} {_shown(name)} {fault}; use up to {NAME_BYTES_MAX} bytes of printable characters "
            f"other than {' '.join(_FORBIDDEN)}, with no leading dot or dash "
            "and no trailing dot or space"
        )
    return str(name)


def check_file_path(path: object) -> str:
    """Return `path` where it may name a file below a run directory: names joined by `/`."""
    if not isinstance(path, str) or not path:
        raise InvalidNameError(f"file path {_shown(path)} must be a string that is not empty")
    size = len(path.encode("utf-8", "surrogatepass"))
    if size > FILE_PATH_BYTES_MAX:
        raise InvalidNameError(
            f"file path {_shown(path)} has {size} bytes; the limit is {FILE_PATH_BYTES_MAX}"
        )
    for part in path.split("/"):
        check_name(f"file path {_shown(path)}: the part", part)
    return path


def safe_stem(key: str) -> str:
    """Return a file name's stem made from a metric's key: it always fits the grammar."""
    stem = _UNSAFE_IN_STEM.sub("_", key).strip("._-") or "value"
    return stem.encode()[:KEY_STEM_BYTES_MAX].decode(errors="ignore").rstrip("._-")


def _name_fault(name: object) -> str | None:
    if not isinstance(name, str):
        return f"is of type {type(name).__name__}, not a string"
    if not name:
        return "is empty"
    if name in (".", ".."):
        return "means a directory, not a name"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if size > NAME_BYTES_MAX:
        return f"has {size} bytes"
    bad = next((c for c in name if c in _FORBIDDEN or not c.isprintable()), None)
    if bad is not None:
        return f"holds {bad!r}"
    if name[0] in ".-":
        return f"starts with {name[0]!r}"
    if name[-1] in ". ":
        return f"ends with {name[-1]!r}"
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
