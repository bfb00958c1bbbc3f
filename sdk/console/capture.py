"""What a run starts to have its console recorded, and stops at its end."""

import sys
from collections.abc import Collection
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.layout import MAIN
from tidelog.sdk.console.recorder import Record, Recorder
from tidelog.sdk.console.transcript import STREAMS
from tidelog.sdk.console.wrap import Wrap
from tidelog.sdk.notices import Notices

WRAP, REDIRECT, OFF = "wrap", "redirect", "off"
CONSOLE = "console"
CONSOLE_MODES = (WRAP, REDIRECT, OFF)

STANDARD_DESCRIPTORS = (1, 2)

_wrap = Wrap()


class ConsoleCapture:
    """Records what is printed from `start` to `stop`. Neither raises, whatever the streams are."""

    def __init__(
        self,
        mode: str,
        record: Record,
        *,
        directory: str,
        log_stream: str,
        notices: Notices,
        clock: Clock | None = None,
    ) -> None:
        """Prepare to record by `record`, as `Writer.log_console` does, or with mode "redirect" in a log
        of its own in the run directory, `console`, or `console3` for `log_stream` "rank3".
        """
        self._mode = mode
        self._record = record
        self._directory = directory
        self._log_stream = log_stream.replace(MAIN, CONSOLE).replace("rank", CONSOLE)
        self._notices = notices
        self._now = (clock or Clock()).monotonic
        self._recorder: Recorder | None = None

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of recording: `stop` had better be put off."""
        return self._recorder is not None and _wrap.is_busy

    def start(self) -> None:
        """Listen to what is printed."""
        if self._mode == REDIRECT and self._redirect():
            self._wrap([name for name in STREAMS if not _leads_out(getattr(sys, name))])
        elif self._mode != OFF:
            self._wrap(STREAMS)

    def stop(self) -> None:
        """Record the rest, and leave the streams as they were; again is without effect."""
        recorder, self._recorder = self._recorder, None
        if recorder is not None and not _wrap.stop(recorder):
            self._tell_problem(
                "the last lines of the console are not recorded: the disk does not answer"
            )
        if self._mode == REDIRECT:
            from tidelog.sdk.console.redirect import of_this_process

            of_this_process.stop(self._directory)

    def _redirect(self) -> bool:
        from tidelog.sdk.console.redirect import of_this_process

        try:
            of_this_process.start(
                self._directory, log_stream=self._log_stream, on_problem=self._tell_problem
            )
        except (OSError, ImportError) as error:
            self._tell_problem(
                f"the console cannot be redirected ({error}); Python's streams are recorded"
            )
            return False
        return True

    def _wrap(self, names: Collection[str]) -> None:
        if not names:
            return
        self._recorder = Recorder(
            self._record,
            self._now(),
            on_failure=self._tell_failure,
            on_left_out=self._tell_left_out,
        )
        for name in _wrap.start(self._recorder, names):
            self._notices.tell(
                f"console {name}",
                f"sys.{name} is an object that cannot be listened to: what is printed on it is not "
                "recorded; set TIDELOG_CONSOLE=redirect to record it where it leaves the process",
            )

    def _tell_problem(self, text: str) -> None:
        self._notices.tell("console", text)

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


def _leads_out(stream: Any) -> bool:
    """Tell whether a stream writes to a standard descriptor; in a notebook it does not."""
    if stream is None:
        return True
    try:
        return stream.fileno() in STANDARD_DESCRIPTORS
    except (AttributeError, OSError, ValueError):
        return False
