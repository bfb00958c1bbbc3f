"""A run that is being recorded: what training code calls, and what therefore never raises.

Every public method catches what goes wrong in it, says so once on stderr, and lets training go on.
"""

import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import RecordError, WriterBusyError, WriterClosedError
from tidelog.datastore.records import Media
from tidelog.datastore.writer import Writer
from tidelog.sdk.chores import Chores
from tidelog.sdk.curves import Curves
from tidelog.sdk.deferred import Deferred
from tidelog.sdk.exits import exit_of
from tidelog.sdk.media.image import Image, ImageStore
from tidelog.sdk.metrics import metric_definition
from tidelog.sdk.monitor.start import Monitor
from tidelog.sdk.notices import Notices, say, shown
from tidelog.sdk.report import Ending, end_block, find_style
from tidelog.sdk.run_plan import DISABLED, Plan, as_tags
from tidelog.sdk.saving import FileSaver
from tidelog.sdk.values import PACKED_AS_IS, STEP_MAX, Unrecordable, clean_row, clean_step, to_map
from tidelog.sdk.views import RecordedMapping, SummaryMapping

CHORES_PATIENCE_S = 2.0
"""How long the end of a run waits for git and the like; without them the run is as whole."""

POLICIES = ("now", "end", "live")

_is_plain = PACKED_AS_IS.issuperset


class Earlier:
    """What a run that is resumed held already; empty for a new one."""

    def __init__(
        self,
        *,
        next_step: int = 0,
        config: Mapping[str, Any] | None = None,
        summary: Mapping[str, Any] | None = None,
        name: str | None = None,
        is_resumed: bool = False,
    ) -> None:
        self.next_step = next_step
        self.config = dict(config or {})
        self.summary = dict(summary or {})
        self.name = name
        self.is_resumed = is_resumed


class Run:
    """One run. `writer` is None for a disabled one, which accepts everything and records nothing."""

    def __init__(
        self,
        plan: Plan,
        writer: Writer | None,
        *,
        earlier: Earlier | None = None,
        notices: Notices | None = None,
        disk: Disk | None = None,
        clock: Clock | None = None,
        on_finish: Callable[["Run"], None] | None = None,
    ) -> None:
        earlier = earlier or Earlier()
        disk = disk or Disk()
        self._plan = plan
        self._writer = writer
        self._earlier = earlier
        self.notices = notices or Notices()
        self._disk = disk
        self._clock = clock or Clock()
        self._on_finish = on_finish
        self._started = self._clock.monotonic()
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._is_finished = False
        self._chores: Chores | None = None
        self.monitor: Monitor | None = None
        self._deferred = Deferred()
        self._saved_at_end: dict[tuple[str, str | None, str], None] = {}
        self._curves = Curves()
        self._steps = _steps_from(earlier.next_step)
        self._log_row: Callable[..., None] = _ignore if writer is None else writer.log_row
        self._images = ImageStore(plan.directory, disk=disk)
        self._files = FileSaver(plan.directory, disk=disk, notices=self.notices)
        self._config = RecordedMapping(
            held=earlier.config, title="config", record=self._log_config, notices=self.notices
        )
        self._summary = SummaryMapping(
            computed=self._computed_summary, record=self._log_summary, notices=self.notices
        )
        self.tags: tuple[str, ...] = tuple(as_tags(plan.facts.get("tags")))
        _runs.add(self)

    def __repr__(self) -> str:
        state = "finished" if self._is_finished else "open"
        return f"<Run {self.name} ({self.project}/{self.id}), {self.mode}, {state}, step {self.step}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        code, reason = exit_of(error)
        self.end(code, reason)

    # -- what it is ------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The run's id, which is the name of its directory."""
        return self._plan.run_id

    @property
    def name(self) -> str:
        """The name for people."""
        return self._plan.name

    @property
    def project(self) -> str:
        """The project that it belongs to."""
        return self._plan.project

    @property
    def group(self) -> str | None:
        """The group, where one was given."""
        return self._plan.facts.get("group")

    @property
    def job_type(self) -> str | None:
        """The type of job, where one was given."""
        return self._plan.facts.get("job_type")

    @property
    def notes(self) -> str | None:
        """The notes, where some were given."""
        return self._plan.facts.get("notes")

    @property
    def mode(self) -> str:
        """`online`, `offline` or `disabled`."""
        return self._plan.mode

    @property
    def dir(self) -> Path:
        """The run directory."""
        return Path(self._plan.directory)

    @property
    def resumed(self) -> bool:
        """Whether the run was there before."""
        return self._earlier.is_resumed

    @property
    def disabled(self) -> bool:
        """Whether nothing is recorded."""
        return self._plan.mode == DISABLED

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, so that nothing more is recorded."""
        return self._is_finished

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a forked child of the one that began the run."""
        return os.getpid() != self._pid

    @property
    def step(self) -> int:
        """The step of the next `log()` that is not given one."""
        return STEP_MAX - self._steps.__length_hint__()  # type: ignore[attr-defined, no-any-return]

    @property
    def config(self) -> RecordedMapping:
        """The hyper-parameters; every change is recorded at once."""
        return self._config

    @config.setter
    def config(self, values: object) -> None:
        self._config.update(values)

    @property
    def summary(self) -> SummaryMapping:
        """What stands for the whole run: the last value of each key, or what was set by hand."""
        return self._summary

    # -- recording -------------------------------------------------------------------------------

    def log(
        self,
        data: Mapping[str, Any],
        step: int | None = None,
        commit: bool | None = True,  # noqa: FBT001, FBT002 - wandb's signature
        sync: object = None,  # noqa: ARG002 - wandb's; what is logged is always written at once.
    ) -> None:
        """Record one row; when this returns, a SIGKILL of this process does not lose it.

        `step` is one more than the highest so far where it is None. With `commit=False` the row is
        recorded as well, and the step stays: rows of one step are one when they are read. Values are
        numbers, text, bools, None, images, nested dicts of these, lists and arrays up to 64 KiB;
        others are left out, which is told once per kind.
        """
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
            self._tell_failure("log", error)
            return
        self._attempt("log", lambda: self._log_carefully(data, step, commit=commit is not False))

    def define_metric(
        self,
        name: str,
        step_metric: str | None = None,
        summary: str | None = None,
        goal: str | None = None,
        **unknown: Any,
    ) -> None:
        """Record how a metric is to be read; `name` may hold `*`.

        `summary` is min, max, mean, best, first, last or none; `goal` is minimize or maximize.
        """
        try:
            definition, faults = metric_definition(
                name, step_metric=step_metric, summary=summary, goal=goal, unknown=unknown
            )
            for fault in faults:
                self.notices.tell(*fault)
        except Exception as error:  # noqa: BLE001 - as above.
            self._tell_failure("define_metric", error)
            return
        writer = self._writer
        if writer is not None and definition is not None:
            self._attempt("define_metric", lambda: writer.define_metric(name, definition))

    def save(
        self,
        glob_or_path: str | os.PathLike[str],
        base_path: str | os.PathLike[str] | None = None,
        policy: str = "now",
    ) -> list[str]:
        """Copy files into the run and return their paths in it, such as `files/model.npz`.

        A pattern, a file or a folder; names start from `base_path`, else from the working directory.
        With policy "end" they are copied when the run ends, with "live" now and then again.
        """
        if self._writer is None or not self._is_ours("save"):
            return []
        try:
            pattern = os.fspath(glob_or_path)
            base = None if base_path is None else os.fspath(base_path)
            if policy not in POLICIES:
                self.notices.tell(
                    "policy",
                    f"save(policy={shown(policy)}) is none of {', '.join(POLICIES)}: saved now",
                )
                policy = "now"
            if policy != "now":
                self._saved_at_end[pattern, base, policy] = None
        except Exception as error:  # noqa: BLE001 - as above.
            self._tell_failure("save", error)
            return []
        saved: list[str] = []
        if policy != "end":
            self._attempt("save", lambda: saved.extend(self._save(pattern, base, policy)))
        return saved

    def alert(self, title: str, text: str = "", level: object = "INFO") -> None:
        """Record something that people should see."""
        writer = self._writer
        if writer is not None:
            self._attempt(
                "alert",
                lambda: writer.log_alert({"title": str(title), "text": str(text), "level": str(level)}),
            )

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:  # noqa: FBT001 - wandb's signature
        """End the run: what was logged is on the disk when this returns. Again is without effect."""
        code = exit_code if isinstance(exit_code, int) else 0
        self.end(code, f"finish({code})" if code else "", quiet=quiet)

    def end(self, code: int, reason: str, *, quiet: bool | None = None) -> None:
        """End the run with an exit code, and for people the reason of it, such as "ValueError: x"."""
        with self._lock:
            if self._is_finished:
                return
            self._is_finished = True
        if self._writer is not None and self._writer.is_busy:
            self._put_off("finish", lambda: self._finish_now(code, reason, quiet))
        else:
            self._finish_now(code, reason, quiet)

    def start_chores(self, chores: Sequence[Callable[[], None]], afterwards: Callable[[], None]) -> None:
        """Do what can wait beside training; the run's end waits for `chores`, with some patience."""
        self._chores = Chores(chores, afterwards=afterwards, notices=self.notices)

    # -- how a row gets there --------------------------------------------------------------------

    def _log_carefully(self, data: Any, step: object, *, commit: bool) -> None:
        if self._writer is None:
            return
        if self._writer.is_busy:
            raise WriterBusyError
        if not isinstance(data, Mapping):
            as_map = to_map(data) if data is not None else None
            if as_map is None:
                self.notices.tell(
                    "data",
                    f'log({shown(data)}) was left out: it takes a dict, such as log({{"loss": 0.3}})',
                )
                return
            data = as_map
        number = self._take_step(step, commit=commit)
        row, faults = clean_row(data, lambda key, image: self._store_image(key, image, number))
        for fault in faults:
            self.notices.tell(fault.kind, f"{fault.text} (the rest of the row was recorded)")
        if row or not data:
            self._write(row, number)
        if number >= self._curves.due_step:
            self._sample(number)

    def _store_image(self, key: str, image: Image, step: int) -> Media:
        for argument in image.unknown:
            self.notices.tell(
                f"image {argument}",
                f"Image({argument}=...) is not supported and has no effect: draw it into the image",
            )
        return self._images.store(key, image, step=step)

    def _take_step(self, step: object, *, commit: bool) -> int:
        if step is not None:
            try:
                number = clean_step(step)
            except Unrecordable as error:
                self.notices.tell(error.kind, str(error))
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

    def _write(self, row: dict[str, Any], step: int) -> None:
        """Write a row; one that is too large is written in two, which are one when they are read."""
        try:
            self._log_row(row, step=step)
        except RecordError as error:
            if len(row) < 2:
                self.notices.tell("row", f"log() left out {', '.join(map(shown, row))}: {error}")
                return
            items = list(row.items())
            self._write(dict(items[: len(items) // 2]), step)
            self._write(dict(items[len(items) // 2 :]), step)

    def _sample(self, step: int) -> None:
        if self._writer is not None:
            self._curves.sample(step, self._writer.summary)

    def _save(self, pattern: str, base_path: str | None, policy: str) -> list[str]:
        if self._writer is not None and self._writer.is_busy:
            raise WriterBusyError
        entries = self._files.save(pattern, base_path=base_path, policy=policy)
        for entry in entries:
            if self._writer is not None:
                self._writer.log_file(entry)
        return [entry["path"] for entry in entries]

    def _log_config(self, values: dict[str, Any]) -> None:
        writer = self._writer
        if writer is not None:
            self._attempt("config", lambda: writer.log_config(values))

    def _log_summary(self, values: dict[str, Any]) -> None:
        writer = self._writer
        if writer is not None:
            self._attempt("summary", lambda: writer.log_summary(values))

    def _attempt(self, where: str, call: Callable[[], object]) -> None:
        """Make a call; later, where a signal handler makes it in the middle of another one."""
        try:
            call()
        except WriterBusyError:
            self._put_off(where, call)
        except Exception as error:  # noqa: BLE001 - as above.
            self._tell_failure(where, error)

    def _put_off(self, where: str, call: Callable[[], object]) -> None:
        try:
            self._deferred.put_off(lambda: self._attempt(where, call))
        except RuntimeError as error:  # The interpreter is at its end.
            self._tell_failure(where, error)

    def _computed_summary(self) -> Mapping[str, Any]:
        computed = {} if self._writer is None else self._writer.summary
        return {**self._earlier.summary, **computed}

    # -- the end ---------------------------------------------------------------------------------

    def _finish_now(self, code: int, reason: str, quiet: bool | None) -> None:  # noqa: FBT001 - as above.
        try:
            self._write_end(code, reason, is_quiet=self._plan.is_quiet if quiet is None else quiet)
        except Exception as error:  # noqa: BLE001 - as above.
            self._tell_failure("finish", error)
        finally:
            if self._on_finish is not None:
                self._on_finish(self)

    def _write_end(self, code: int, reason: str, *, is_quiet: bool) -> None:
        writer = self._writer
        if writer is None:
            return
        state = "failed" if code else "finished"
        if self.is_inherited:
            # A forked child ends its own log; the run goes on in the process that began it.
            writer.close(state=state, exit_code=code, reason=reason)
            return
        try:
            for each in self._saved_at_end:
                self._attempt("save", partial(self._save, *each))
            if self._chores is not None:
                self._chores.wait(CHORES_PATIENCE_S)
        finally:  # Also after a second Ctrl-C: without it the run would look like one that was killed.
            writer.close(state=state, exit_code=code, reason=reason)
            if self.monitor is not None:
                self.monitor.stop()
        self._log_row = self._refuse_row
        if not self._plan.rank.number:
            self._write_derived(state, code)
        if not is_quiet:
            say(self._end_block(writer, code))

    def _refuse_row(self, _data: object, *, step: int) -> None:
        raise WriterClosedError(f"the row of step {step} came after the run was finished")

    def _write_derived(self, state: str, code: int) -> None:
        from tidelog.sdk.derived import write_run_json, write_summary_json

        directory = self._plan.directory
        try:
            write_summary_json(directory, self._summary.as_dict(), disk=self._disk)
            facts = {**self._plan.facts, "state": state, "exit_code": code}
            write_run_json(directory, facts, self._config.as_dict(), disk=self._disk)
        except OSError as error:
            self.notices.tell(
                "derived",
                f"run.json and summary.json of {directory} could not be written: {error}; they are "
                "copies for people to read, the log has everything",
            )

    def _end_block(self, writer: Writer, code: int) -> str:
        self._curves.sample(self.step, writer.summary)
        ending = Ending(
            exit_code=code,
            duration_s=self._clock.monotonic() - self._started,
            rows=writer.rows,
            lost_rows=writer.lost_rows,
            media=self._images.count,
            media_bytes=self._images.size_bytes,
            files=self._files.count,
            file_bytes=self._files.size_bytes,
            warnings=self.notices.counts,
        )
        return end_block(
            ending,
            name=self.name,
            mode=self.mode,
            directory=self._plan.directory,
            curves=self._curves.items(),
            summary=self._summary.as_dict(),
            style=find_style(sys.stderr, os.environ),
        )

    def _is_ours(self, what: str) -> bool:
        """Tell whether the run is still open; say once where it is not."""
        if self._is_finished:
            self._tell_closed(what)
        return not self._is_finished

    def _tell_failure(self, where: str, error: Exception) -> None:
        if isinstance(error, WriterClosedError):
            self._tell_closed(where)
            return
        self.notices.tell(
            f"{where} failed",
            f"{where} could not record something ({type(error).__name__}: {error}); training goes on",
        )

    def _tell_closed(self, where: str) -> None:
        self.notices.tell(
            "finished",
            f"{where} after finish() of run {self.name}: nothing more is recorded in it; call "
            "sdk.init() to begin another run",
        )


def _steps_from(step: int) -> Iterator[int]:
    """Return the steps from `step` on: taking one is atomic, so threads need no lock for it."""
    return iter(range(step, STEP_MAX))


def _ignore(*_args: object, **_keywords: object) -> None:
    """Do nothing, as a disabled run does."""


_runs: "weakref.WeakSet[Run]" = weakref.WeakSet()


def _renew_locks() -> None:
    """Give the runs of a forked child locks that no thread of the parent holds."""
    for run in list(_runs):
        run._lock = threading.RLock()
        run._deferred = Deferred()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
