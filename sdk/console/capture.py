"""What a run starts to have its console recorded, and stops at its end."""

from tidelog.datastore.clock import Clock
from tidelog.sdk.console.recorder import Record, Recorder
from tidelog.sdk.console.wrap import Wrap
from tidelog.sdk.notices import Notices

WRAP, REDIRECT, OFF = "wrap", "redirect", "off"
CONSOLE_MODES = (WRAP, REDIRECT, OFF)

_wrap = Wrap()


class ConsoleCapture:
    """Records what is printed from `start` to `stop`. Neither raises, whatever the streams are."""

    def __init__(
        self, record: Record, *, notices: Notices, clock: Clock | None = None, wrap: Wrap = _wrap
    ) -> None:
        self._record = record
        self._notices = notices
        self._now = (clock or Clock()).monotonic
        self._wrap = wrap
        self._recorder: Recorder | None = None

    def start(self) -> None:
        """Listen to what is printed; again is without effect."""
        if self._recorder is not None:
            return
        self._recorder = Recorder(
            self._record,
            self._now(),
            on_failure=self._tell_failure,
            on_left_out=self._tell_left_out,
        )
        for name in self._wrap.start(self._recorder):
            self._notices.tell(
                f"console {name}",
                f"sys.{name} is an object that cannot be listened to: what is printed on it is not "
                "recorded; set TIDELOG_CONSOLE=redirect to record it where it leaves the process",
            )

    def stop(self) -> None:
        """Record the rest, and leave the streams as they were; again is without effect."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._wrap.stop(recorder)

    def _tell_failure(self, error: Exception) -> None:
        self._notices.tell(
            "console failed",
            f"what was printed could not be recorded ({type(error).__name__}: {error}); "
            "training goes on",
        )

    def _tell_left_out(self) -> None:
        self._notices.tell(
            "console left out",
            "more is printed than is recorded, which is 64 MiB at once and 64 KiB a second: lines are "
            "left out of the record and counted there; print less, or set TIDELOG_CONSOLE=off",
        )
