"""What the SDK tells the person who trains: one sentence per kind on stderr, and never an exception."""

import sys
from collections import Counter
from typing import NamedTuple

SHOWN_CHARACTERS_MAX = 60


class Fault(NamedTuple):
    """Why something was left out; `kind` groups faults that are told once together."""

    kind: str
    text: str


class Notices:
    """Tells each kind of trouble once and counts the rest of it."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def tell(self, kind: str, text: str) -> None:
        """Print `text` where nothing of this kind was told before."""
        self.counts[kind] += 1
        if self.counts[kind] == 1:
            say(f"tidelog: {text}")

    def tell_problem(self, text: str) -> None:
        """Print what a writer says of its disk; it says each thing once by itself."""
        self.counts["disk"] += 1
        say(f"tidelog: {text}")


def say(text: str) -> None:
    """Write lines to stderr, where there is one that takes them; a script's own may raise anything."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        stream.write(text + "\n")
        stream.flush()
    except Exception:  # noqa: BLE001, S110 - nobody's training ends for a message.
        pass  # It is closed, it has no `flush`, or a signal came in the middle of a print.


def shown(value: object) -> str:
    """Return a value as a message shows it: its `repr`, shortened; values of any size are fine."""
    if isinstance(value, (str, bytes, bytearray)):
        value = value[: SHOWN_CHARACTERS_MAX + 1]
    elif not isinstance(value, (int, float, complex, type(None))):
        return f"<{type(value).__name__}>"
    try:
        text = repr(value)
    except ValueError:  # An int of thousands of digits.
        return f"<{type(value).__name__}>"
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[: SHOWN_CHARACTERS_MAX - 3]}..."
