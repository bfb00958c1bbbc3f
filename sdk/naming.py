"""Run ids, names for people, and safe names made from those that do not fit. No I/O."""

import time
from collections.abc import Callable

from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.names import NAME_BYTES_MAX, check_file_path, check_name

Entropy = Callable[[int], bytes]

RUN_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
RUN_ID_LETTERS_COUNT = 6
DIGEST_DIGITS = 8

ADJECTIVES = """
amber brave breezy bright brisk calm clear coral crisp deep dusky eager early fair fleet
fresh gentle glad golden grand hidden high keen kind late light lively lucid mellow mild
misty moonlit neat noble northern olive pale patient polar proud quick quiet rapid rising
salty sandy serene sharp silent silver slow smooth snowy steady still sunny swift tidal
vivid warm western wide wild windy
"""
NOUNS = """
anchor atoll bay beacon breaker brook canoe cape cliff cloud compass coral cove crane creek
current delta dolphin dory dune eddy ferry fjord gale gannet gull harbor heron horizon inlet
island jetty kelp lagoon lantern marlin mast mooring oar ocean osprey otter pebble pelican
pier puffin reef ripple river sail seal shell shoal shore sloop spray squall strait surf
tern tide wave wharf
"""


def make_run_id(now: float, entropy: Entropy) -> str:
    """Return `YYYYMMDD-HHMMSS-abc123` (UTC); `entropy` is not the seeded generator of the script."""
    letters = "".join(
        RUN_ID_LETTERS[byte % len(RUN_ID_LETTERS)] for byte in entropy(RUN_ID_LETTERS_COUNT)
    )
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{letters}"


def make_run_name(entropy: Entropy) -> str:
    """Return a name that people can say, such as `calm-otter-42`."""
    adjective, noun, number = entropy(3)
    return f"{_pick(ADJECTIVES, adjective)}-{_pick(NOUNS, noun)}-{number}"


def _pick(words: str, number: int) -> str:
    choices = words.split()
    return choices[number % len(choices)]


def name_fault(kind: str, name: object) -> str | None:
    """Return what is wrong with a name, and what names may be, or None where it is fine."""
    try:
        check_name(kind, name)
    except InvalidNameError as error:
        return str(error)
    return None


def file_path_fault(path: str) -> str | None:
    """Return what is wrong with a path below a run directory, or None where it is fine."""
    try:
        check_file_path(path)
    except InvalidNameError as error:
        return str(error)
    return None


def safe_name(name: object, *, default: str) -> str:
    """Return a name that fits the grammar and still looks like `name`."""
    text = "".join(c if _fits(c) else "-" for c in str(name)[:NAME_BYTES_MAX])
    text = text.encode()[:NAME_BYTES_MAX].decode(errors="ignore").lstrip(".-").rstrip(". -")
    return text if name_fault("name", text) is None else default


def distinct_name(safe: str, name: object) -> str:
    """Return a safe name with a few digits of what it was made from, so that no two become one."""
    import hashlib  # Loads OpenSSL, and only a bad name needs it.

    digest = hashlib.sha256(str(name).encode("utf-8", "surrogatepass")).hexdigest()[:DIGEST_DIGITS]
    room = NAME_BYTES_MAX - len(digest) - 1
    return f"{safe.encode()[:room].decode(errors='ignore').rstrip('. -')}-{digest}"


def _fits(character: str) -> bool:
    return character.isprintable() and character not in '/\\:*?"<>|'
