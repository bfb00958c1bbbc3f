"""Writes one run's transcript as records; what cannot be written now is written later, never lost."""

from collections import deque
from collections.abc import Callable

from tidelog.datastore.errors import WriterBusyError, WriterClosedError
from tidelog.sdk.console.transcript import Transcript

Record = Callable[[str, str], None]
"""Records the text of a stream, as `Writer.log_console` does, and raises what that raises."""


class Recorder:
    """A transcript and the writer that its text goes to. Not thread-safe."""

    def __init__(
        self,
        record: Record,
        now: float,
        *,
        on_failure: Callable[[Exception], None] = lambda _error: None,
        on_left_out: Callable[[], None] = lambda: None,
    ) -> None:
        """Begin at `now`, a monotonic time in seconds.

        `on_failure` hears what else `record` raises, `on_left_out` when too much is printed.
        """
        self._record = record
        self._on_failure = on_failure
        self._on_left_out = on_left_out
        self.start_anew(now)

    def start_anew(self, now: float) -> None:
        """Forget all that was printed, as a forked child must: its parent records it."""
        self._transcript = Transcript(now, on_left_out=self._on_left_out)
        self._due: deque[tuple[str, str]] = deque()

    def feed(self, stream: str, text: str, now: float) -> None:
        """Take what was printed on a stream at `now`, a monotonic time in seconds."""
        self._transcript.feed(stream, text, now)

    def write(self, now: float, *, is_last: bool = False) -> bool:
        """Record what is due, all of it with `is_last`; tell whether it was recorded. Never raises."""
        self._due += self._transcript.take(now, is_last=is_last)
        while self._due:
            try:
                self._record(*self._due[0])
            except WriterBusyError:
                return False  # A signal handler prints in the middle of a call: once that is over.
            except WriterClosedError:
                self._due.clear()
                return True
            except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's print.
                self._on_failure(error)
            # Not before it is recorded: what a Ctrl-C comes between is rather twice there than never.
            self._due.popleft()
        return True
