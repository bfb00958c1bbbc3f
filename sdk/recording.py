"""A run that is being recorded: what training code calls, and what therefore never raises.

Every public method catches what goes wrong in it, says so once on stderr, and lets training go on.
"""

import os
import sys
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import WriterBusyError
from tidelog.datastore.writer import Writer
from tidelog.sdk.alerts import Alerts
from tidelog.sdk.attempts import Attempts
from tidelog.sdk.config_mapping import Config
from tidelog.sdk.earlier import Earlier
from tidelog.sdk.exits import exit_of
from tidelog.sdk.identity import Identity
from tidelog.sdk.kept_files import KeptFiles
from tidelog.sdk.lifetime import Lifetime
from tidelog.sdk.media.recorder import MediaRecorder
from tidelog.sdk.metrics import metric_definition
from tidelog.sdk.notices import Notices, say
from tidelog.sdk.one_end import OneEnd
from tidelog.sdk.open_runs import note_run
from tidelog.sdk.report import Ending, end_block, find_style
from tidelog.sdk.rows import RowLog
from tidelog.sdk.run_plan import Plan
from tidelog.sdk.source_code import Choice
from tidelog.sdk.summary_mapping import Summary
from tidelog.sdk.syncing import TIMEOUT_S, sync_path


class Run(Identity):
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
        super().__init__(plan, is_resumed=earlier.is_resumed, record=self._log_facts)
        self._writer = writer
        self._earlier = earlier
        self.notices = notices or Notices()
        self._attempts = Attempts(plan.name, notices=self.notices)
        self._disk = disk
        self._clock = clock or Clock()
        self._on_finish = on_finish
        self._started = self._clock.monotonic()
        self._pid = os.getpid()
        self._end = OneEnd()
        self.lifetime = Lifetime(attempts=self._attempts, notices=self.notices)
        self._media = MediaRecorder(
            plan.directory,
            disk=disk,
            notices=self.notices,
            write_row=lambda row, step: self._rows.write(row, step),
            is_synced=plan.durability == "power",
        )
        self.files = KeptFiles(
            plan.directory,
            root=plan.root,
            record=_ignore if writer is None else writer.log_file,
            notices=self.notices,
            disk=disk,
            clock=self._clock,
        )
        self._alerts = Alerts(self._clock)
        self._rows = RowLog(
            writer,
            next_step=earlier.next_step,
            media=self._media,
            attempts=self._attempts,
            notices=self.notices,
        )
        self._config = Config(
            held=earlier.config,
            allow_val_change=plan.may_values_change,
            record=self._log_config,
            notices=self.notices,
            disk=disk,
        )
        self._summary = Summary(
            computed=self._computed_summary, record=self._log_summary, notices=self.notices
        )
        note_run(self)

    def __repr__(self) -> str:
        state = "finished" if self.is_finished else "open"
        return f"<Run {self.name} ({self.path}), {self.mode}, {state}, step {self.step}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Answer for a name that wandb's runs have and few scripts use."""
            if name.startswith("__"):
                raise AttributeError(name)
            from tidelog.sdk.from_wandb.names import find_run_name

            return find_run_name(name, self)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _memo: object) -> Self:
        return self  # What holds a run, such as a model, is copied; of a run there is one.

    def __reduce__(self) -> tuple[Callable[[str, str], "Run"], tuple[str, str]]:
        from tidelog.sdk.elsewhere import run_here  # Few runs are pickled.

        return run_here, (self.id, self._plan.root)

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

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, so that nothing more is recorded."""
        return self._end.is_begun

    @property
    def is_inherited(self) -> bool:
        """Whether this process is a forked child of the one that began the run."""
        return os.getpid() != self._pid

    @property
    def step(self) -> int:
        """The step of the next `log()` that is not given one."""
        return self._rows.step

    @property
    def config(self) -> Config:
        """The hyper-parameters; every change is recorded at once."""
        return self._config

    @config.setter
    def config(self, values: object) -> None:
        self._config.update(values)

    @property
    def summary(self) -> Summary:
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
        self._rows.log(data, step, commit=commit)

    def define_metric(
        self,
        name: str,
        step_metric: str | None = None,
        summary: str | None = None,
        goal: str | None = None,
        hidden: bool | None = None,  # noqa: FBT001 - wandb's signature
        **unknown: Any,
    ) -> None:
        """Record how a metric is to be read; `name` may hold `*`.

        `summary` is min, max, mean, best, first, last or none; `goal` is minimize or maximize; a
        hidden metric is left out of pages.
        """
        try:
            definition, faults = metric_definition(
                name, step_metric=step_metric, summary=summary, goal=goal, hidden=hidden, unknown=unknown
            )
            for fault in faults:
                self.notices.tell(*fault)
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            self._attempts.tell_failure("define_metric", error)
            return
        if definition is not None:
            metric = definition
            self._record_in("define_metric", lambda writer: writer.define_metric(name, metric))

    def save(
        self,
        glob_or_path: str | os.PathLike[str] | None = None,
        base_path: str | os.PathLike[str] | None = None,
        policy: str = "now",
    ) -> list[str]:
        """Copy files into the run and return their paths in it, such as `files/model.npz`.

        A pattern, a file or a folder; names start from `base_path`, else from the working directory.
        With policy "end" they are copied when the run ends, with "live" whenever they change.
        """
        return self._keep("save", lambda: self.files.save(glob_or_path, base_path, policy))

    def log_code(
        self,
        root: str | os.PathLike[str] = ".",
        name: str | None = None,
        include: Choice = None,
        exclude: Choice = None,
        *,
        include_fn: Choice = None,
        exclude_fn: Choice = None,
    ) -> list[str]:
        """Copy source files into the run, beside training; return their paths in it.

        `include` and `exclude` are patterns, or callables that get a path, as wandb's `include_fn`.
        Without `include` it is Python files and what says what they need. What git ignores is left
        out, as are hidden folders, virtual environments and runs.
        """
        chosen = (include or include_fn, exclude or exclude_fn)
        return self._keep("log_code", lambda: self.files.log_code(root, name, *chosen))

    def alert(
        self,
        title: str,
        text: str = "",
        level: object = "INFO",
        wait_duration: object = None,
    ) -> None:
        """Record something that people should see.

        `level` is INFO, WARN or ERROR. Alerts of one title come `wait_duration` apart at least, a
        timedelta or seconds; those between are left out.
        """
        try:
            alert = self._alerts.record_of(str(title), str(text), level, wait_duration=wait_duration)
        except Exception as error:  # noqa: BLE001 - as above.
            self._attempts.tell_failure("alert", error)
            return
        if alert is not None:
            due = alert
            self._record_in("alert", lambda writer: writer.log_alert(due))

    def mark_preempting(self) -> None:
        """Record that the process is about to be taken away: what comes next resumes the run."""
        self._log_facts({"preempting": True})

    def wait(self, timeout: float = TIMEOUT_S, *, to: str | None = None) -> bool:
        """Wait until all that was logged so far is uploaded, and tell whether it is.

        `timeout` is how long the hub, or another target `to`, may be out of reach, in seconds.
        """
        if self._writer is None:
            return False
        return sync_path(self._plan.directory, to=to, timeout_s=timeout, notices=self.notices)

    # -- the end ---------------------------------------------------------------------------------

    def finish(self, exit_code: int | None = None, quiet: bool | None = None) -> None:  # noqa: FBT001 - wandb's signature
        """End the run: what was logged is on the disk when this returns. Again is without effect."""
        code = exit_code if isinstance(exit_code, int) else 0
        self.end(code, f"finish({code})" if code else "", quiet=quiet)

    def end(self, code: int, reason: str, *, quiet: bool | None = None) -> None:
        """End the run with an exit code, and for people the reason of it, such as "ValueError: x"."""
        is_first, is_busy = self._end.begin(), self._is_busy
        if is_first and is_busy:
            self._attempts.put_off("finish", lambda: self._finish_now(code, reason, quiet=quiet))
        elif is_first:
            self._finish_now(code, reason, quiet=quiet)
        elif not (is_busy or self.is_inherited):  # What this thread has interrupted waits for it.
            self._end.wait()

    def _finish_now(self, code: int, reason: str, *, quiet: bool | None) -> None:
        try:
            with self._end.made_here():
                self._record_end(code, reason, quiet=quiet)
        finally:
            if self._on_finish is not None:
                self._on_finish(self)

    def _record_end(self, code: int, reason: str, *, quiet: bool | None) -> None:
        try:
            if self._writer is not None:
                is_quiet = self._plan.is_quiet if quiet is None else quiet
                self._write_end(self._writer, code, reason, is_quiet=is_quiet)
        except Exception as error:  # noqa: BLE001 - as above.
            self._attempts.tell_failure("finish", error)

    def _write_end(self, writer: Writer, code: int, reason: str, *, is_quiet: bool) -> None:
        state = "failed" if code else "finished"
        if self.is_inherited:
            # A forked child ends its own log; watchers, chores and files are the parent's.
            self._attempts.make("finish", self._media.stop)
            self.lifetime.stop_parts()
            writer.close(state=state, exit_code=code, reason=reason)
            return
        try:
            is_main = not self.rank and not self._plan.is_attached
            self._attempts.make("save", lambda: self.files.finish(keeps_strays=is_main))
            self._attempts.make("finish", self._media.stop)
            self.lifetime.stop_parts()
            self.lifetime.wait_for_chores()
        finally:  # Also after a second Ctrl-C: without it the run would look like one that was killed.
            writer.close(state=state, exit_code=code, reason=reason)
            self.lifetime.stop_watchers()
        self._rows.close()
        if self._plan.is_attached:
            return  # The run goes on in the process that began it.
        if not self.rank:
            from tidelog.sdk.derived import write_derived  # Loads json, which nothing else here needs.

            write_derived(
                self._plan.directory,
                facts={**self._plan.facts, "state": state, "exit_code": code},
                config=self._config.as_dict(),
                summary=self._summary.as_dict(),
                disk=self._disk,
                notices=self.notices,
            )
        if not is_quiet:
            say(self._end_block(writer, code))

    @property
    def _is_busy(self) -> bool:
        """Whether this very thread is in the middle of recording: a signal handler interrupted it."""
        writer = self._writer
        parts = (writer, self.lifetime, self._media, self.files)
        return writer is not None and any(part.is_busy for part in parts if part is not None)

    def _end_block(self, writer: Writer, code: int) -> str:
        ending = Ending(
            exit_code=code,
            duration_s=self._clock.monotonic() - self._started,
            rows=writer.rows,
            lost_rows=writer.lost_rows,
            media=self._media.count,
            media_bytes=self._media.size_bytes,
            files=self.files.count,
            file_bytes=self.files.size_bytes,
            warnings=self.notices.counts,
        )
        return end_block(
            ending,
            name=self.name,
            mode=self.mode,
            directory=self._plan.directory,
            curves=self._rows.curves(),
            summary=self._summary.as_dict(),
            style=find_style(sys.stderr, os.environ),
        )

    # -- how all of it is recorded ---------------------------------------------------------------

    def _record_in(self, where: str, call: Callable[[Writer], object]) -> None:
        """Let `call` record something; a disabled run records nothing."""
        writer = self._writer
        if writer is not None:
            self._attempts.make(where, lambda: call(writer))

    def _log_facts(self, facts: dict[str, Any]) -> None:
        self._record_in("run", lambda writer: writer.log_run(facts))

    def _log_config(self, values: dict[str, Any]) -> None:
        self._record_in("config", lambda writer: writer.log_config(values))

    def _log_summary(self, values: dict[str, Any]) -> None:
        self._record_in("summary", lambda writer: writer.log_summary(values))

    def _computed_summary(self) -> Mapping[str, Any]:
        writer, earlier = self._writer, self._earlier
        if writer is None:
            return {}
        return writer.summary_after(earlier.summary) if self.resumed else writer.summary

    def _keep(self, what: str, call: Callable[[], list[str]]) -> list[str]:
        """Return the paths of what `call` keeps; no file is copied that could not be recorded now."""
        kept: list[str] = []

        def keep(writer: Writer) -> None:
            if writer.is_busy or self.files.is_busy:
                raise WriterBusyError
            kept.extend(call())

        if self._writer is not None and self._is_open(what):
            self._record_in(what, keep)
        return kept

    def _is_open(self, what: str) -> bool:
        """Tell whether the run goes on; say once where it does not."""
        if self.is_finished:
            self._attempts.tell_closed(what)
        return not self.is_finished

    def renew_locks(self) -> None:
        """Give a forked child locks that no thread of the parent holds."""
        self._end.renew_lock()
        self._attempts.renew()
        self._rows.renew_lock()


def _ignore(_entry: object) -> None:
    """Record nothing, as a disabled run does."""
