"""How the rows of a run get to its writer: their steps, and the way of plain and of other values."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from threading import RLock
from typing import Any

from tidelog.datastore.errors import RecordError, WriterBusyError, WriterClosedError
from tidelog.datastore.writer import Writer
from tidelog.sdk.as_map import as_map
from tidelog.sdk.attempts import Attempts
from tidelog.sdk.curves import Curves
from tidelog.sdk.media.recorder import MediaRecorder
from tidelog.sdk.notices import Notices, shown
from tidelog.sdk.row_values import PACKED_AS_IS, STEP_MAX, clean_row, clean_step
from tidelog.sdk.values import Unrecordable

_is_plain = PACKED_AS_IS.issuperset


class RowLog:
    """The rows of one run. `writer` is None for a run that records nothing."""

    def __init__(
        self,
        writer: Writer | None,
        *,
        next_step: int,
        media: MediaRecorder,
        attempts: Attempts,
        notices: Notices,
    ) -> None:
        self._writer = writer
        self._log_row: Callable[..., None] = _ignore if writer is None else writer.log_row
        self._steps = _steps_from(next_step)
        self._media = media
        self._attempts = attempts
        self._notices = notices
        self._curves = Curves()
        self._lock = RLock()

    @property
    def step(self) -> int:
        """The step of the next row that is not given one."""
        return STEP_MAX - self._steps.__length_hint__()  # type: ignore[attr-defined, no-any-return]

    def curves(self) -> list[tuple[str, list[float]]]:
        """Return (metric, some of its values in their order, the last one included)."""
        if self._writer is not None:
            self._curves.sample(self.step - 1, self._writer.latest)
        return self._curves.items()

    def log(self, data: Mapping[str, Any], step: int | None, *, commit: bool | None) -> None:
        """Record one row, and never raise; see `Run.log`."""
        try:
            if commit and type(data) is dict and _is_plain(map(type, data.values())):
                if step is None:
                    step = next(self._steps)
                else:
                    if type(step) is not int or not -STEP_MAX < step < STEP_MAX:
                        step = clean_step(step)
                    self._advance_to(step + 1)
                self._log_row(data, step=step)
                if step >= self._curves.due_step:
                    self._sample(step)
                return
            if self._writer is not None and self._writer.is_busy and isinstance(data, Mapping):
                data = dict(data)  # It is recorded later: the caller may change its own.
        except (RecordError, Unrecordable):
            pass  # One of the values is not so plain: find out which, with the step that was taken.
        except WriterBusyError:
            data = dict(data)  # As above.
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            self._attempts.tell_failure("log", error)
            return
        self._attempts.make("log", lambda: self._log_carefully(data, step, commit=commit is not False))

    def write(self, row: dict[str, Any], step: int) -> None:
        """Write a row at its step; one that is too large becomes two, one when they are read."""
        try:
            self._log_row(row, step=step)
        except RecordError as error:
            if len(row) < 2:
                self._notices.tell("row", f"log() left out {', '.join(map(shown, row))}: {error}")
                return
            items = list(row.items())
            self.write(dict(items[: len(items) // 2]), step)
            self.write(dict(items[len(items) // 2 :]), step)

    def close(self) -> None:
        """Refuse what comes from now on; each refusal is told as one."""
        self._log_row = _refuse

    def renew_lock(self) -> None:
        """Take, in a forked child, a lock that no thread of the parent holds."""
        self._lock = RLock()

    def _log_carefully(self, data: Any, step: object, *, commit: bool) -> None:
        if self._writer is None:
            return
        if self._writer.is_busy or self._media.is_busy:
            raise WriterBusyError
        if not isinstance(data, Mapping):
            mapping = as_map(data) if data is not None else None
            if mapping is None:
                self._notices.tell(
                    "data",
                    f'log({shown(data)}) was left out: it takes a dict, such as log({{"loss": 0.3}})',
                )
                return
            data = mapping
        number = self._take_step(step, commit=commit)
        row, faults = clean_row(data, partial(self._media.record, step=number))
        for fault in faults:
            self._notices.tell(fault.kind, f"{fault.text} (the rest of the row was recorded)")
        if row or not data:
            self.write(row, number)
        if number >= self._curves.due_step:
            self._sample(number)

    def _take_step(self, step: object, *, commit: bool) -> int:
        if step is not None:
            try:
                number = clean_step(step)
            except Unrecordable as error:
                self._notices.tell(error.kind, str(error))
            else:
                self._advance_to(number + commit)
                return number
        return next(self._steps) if commit else self.step

    def _advance_to(self, next_step: int) -> None:
        """Let the next step that is not given be `next_step`, unless it is beyond that already."""
        if next_step > STEP_MAX - self._steps.__length_hint__():  # type: ignore[attr-defined]
            with self._lock:
                if next_step > self.step:
                    self._steps = _steps_from(next_step)

    def _sample(self, step: int) -> None:
        if self._writer is not None:
            self._curves.sample(step, self._writer.latest)


def _steps_from(step: int) -> Iterator[int]:
    """Return the steps from `step` on: taking one is atomic, so threads need no lock for it."""
    return iter(range(step, STEP_MAX))


def _ignore(*_args: object, **_keywords: object) -> None:
    """Do nothing, as a disabled run does."""


def _refuse(_data: object, *, step: int) -> None:
    raise WriterClosedError(f"the row of step {step} came after the run was finished")
