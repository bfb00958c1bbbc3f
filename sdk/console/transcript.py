"""What one run records of what is printed: which text, and when. No I/O, no clock.

Finished lines are due at once; a line that is unfinished or changes is due now and then.
"""

from collections.abc import Callable

from tidelog.sdk.console.allowance import Allowance
from tidelog.sdk.console.screen import Screen

STREAMS = ("stdout", "stderr")

UNFINISHED_INTERVAL_S = 2.0
"""A bar of 100 characters that changes for a day leaves 5 MB."""

RECORD_CHARACTERS_MAX = 256 * 1024

CHARACTERS_AT_ONCE_MAX = 64 * 1024 * 1024
CHARACTERS_PER_S_MAX = 64 * 1024
"""5.7 GB a day: who prints in earnest stays far below, a loop that ran away does not fill a disk."""


class Transcript:
    """The streams of one run. `feed` takes what was printed, `take` gives what is to be recorded."""

    def __init__(
        self,
        now: float,
        *,
        allowance: Allowance | None = None,
        unfinished_interval_s: float = UNFINISHED_INTERVAL_S,
        on_left_out: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin at `now`, a monotonic time in seconds; `on_left_out` hears when lines are left out."""
        self._allowance = allowance or Allowance(
            now, at_once=CHARACTERS_AT_ONCE_MAX, per_s=CHARACTERS_PER_S_MAX
        )
        self._interval_s = unfinished_interval_s
        self._on_left_out = on_left_out
        self._screens = {stream: Screen() for stream in STREAMS}
        self._left_out = dict.fromkeys(STREAMS, 0)
        self._is_within_line = dict.fromkeys(STREAMS, False)
        self._last_stream = STREAMS[0]
        self._unfinished_at = now
        self._due: list[tuple[str, str]] = []

    def feed(self, stream: str, text: str, now: float) -> None:
        """Take what was printed on a stream; lines of two streams keep their order."""
        if stream != self._last_stream:
            self._collect_lines(self._last_stream, now)
            self._last_stream = stream
        self._screens[stream].feed(text)

    def take(self, now: float, *, is_last: bool = False) -> list[tuple[str, str]]:
        """Return `(stream, text)` for all that is due; with `is_last` all that there is."""
        is_unfinished_due = is_last or now - self._unfinished_at >= self._interval_s
        for stream in STREAMS:
            if is_unfinished_due:
                self._collect(stream, self._screens[stream].take(with_unfinished=True), now)
            else:
                self._collect_lines(stream, now)
        if is_unfinished_due:
            self._unfinished_at = now
        if is_last:
            for stream in STREAMS:
                if self._left_out[stream]:
                    self._due.append((stream, self._left_out_note(stream)))
        due, self._due = self._due, []
        return due

    def _collect_lines(self, stream: str, now: float) -> None:
        screen = self._screens[stream]
        if screen.has_new_lines:
            is_too_long = screen.is_line_too_long
            self._collect(stream, screen.take(with_unfinished=is_too_long), now)

    def _collect(self, stream: str, text: str, now: float) -> None:
        if not text:
            return
        if not self._allowance.grant(len(text), now):
            if not any(self._left_out.values()):
                self._on_left_out()
            self._left_out[stream] += text.count("\n") or 1
            self._screens[stream].forget()
            return
        if self._left_out[stream]:
            text = self._left_out_note(stream) + text
        self._is_within_line[stream] = not text.endswith("\n")
        for at in range(0, len(text), RECORD_CHARACTERS_MAX):
            self._due.append((stream, text[at : at + RECORD_CHARACTERS_MAX]))

    def _left_out_note(self, stream: str) -> str:
        start = "\n" if self._is_within_line[stream] else ""
        count, self._left_out[stream] = self._left_out[stream], 0
        return f"{start}tidelog: {count:,} lines were left out here: too much was printed\n"
