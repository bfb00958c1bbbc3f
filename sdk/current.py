"""The runs of this process: which one the module's functions mean, how all end."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.sdk.choices import DISABLED
from tidelog.sdk.config_mapping import Config
from tidelog.sdk.exits import ExitWatch
from tidelog.sdk.naming import Entropy
from tidelog.sdk.notices import Notices, say
from tidelog.sdk.opening import open_run
from tidelog.sdk.recording import Run
from tidelog.sdk.spawn import syncd_command
from tidelog.sdk.summary_mapping import Summary
from tidelog.sdk.surroundings import Surroundings

RETURN_PREVIOUS = "return_previous"
FINISH_PREVIOUS = "finish_previous"
CREATE_NEW = "create_new"
REINITS = {
    None: RETURN_PREVIOUS,
    False: RETURN_PREVIOUS,
    "default": RETURN_PREVIOUS,
    RETURN_PREVIOUS: RETURN_PREVIOUS,
    True: FINISH_PREVIOUS,
    FINISH_PREVIOUS: FINISH_PREVIOUS,
    CREATE_NEW: CREATE_NEW,
}


class Current:
    """The open runs of a process, the current one last but for those made with `create_new`."""

    def __init__(
        self,
        *,
        disk: Disk | None = None,
        clock: Clock | None = None,
        entropy: Entropy = os.urandom,
        environ: Mapping[str, str] = os.environ,
        syncd: Callable[[str], list[str]] = syncd_command,
    ) -> None:
        self.run: Run | None = None
        self.notices = Notices()
        self._around = Surroundings(disk or Disk(), clock or Clock(), entropy, environ, syncd)
        self._open: list[Run] = []
        self._begun_without_id = 0
        self._exits = ExitWatch(self.finish_all, lambda: [run.step for run in self._open])
        self._config = Config(record=self._tell_no_run, notices=self.notices)
        self._summary = Summary(record=self._tell_no_run, notices=self.notices)

    def init(self, arguments: dict[str, Any]) -> Run:
        """Begin a run, or go on with one. Never raises: what is wrong is said, and made to work."""
        reinit = arguments.pop("reinit", None)
        policy = REINITS.get(reinit, RETURN_PREVIOUS) if _is_hashable(reinit) else RETURN_PREVIOUS
        if self.run is not None and self.run.is_inherited:
            self.run = None  # A forked child's own run is not its parent's.
        if self.run is not None and policy == RETURN_PREVIOUS:
            self.notices.tell(
                "reinit",
                f"init() was called while run {self.run.name} is open: that run is returned; call "
                "finish() first, or pass reinit=True, to begin another one",
            )
            self.run.config.update(arguments.get("config"))
            return self.run
        if self.run is not None and policy == FINISH_PREVIOUS:
            self.run.finish()
        return self._add(lambda: self._begin(arguments), "init()", policy)

    def attach(self, run_id: str, *, project: str | None, directory: object) -> Run:
        """Record in a run that another process began. Never raises."""
        from tidelog.sdk.attaching import attach_run  # Few processes do, and it loads the reader.

        return self._add(
            lambda: attach_run(
                run_id,
                project=project,
                directory=directory,
                around=self._around,
                on_finish=self._forget,
            ),
            "attach()",
            RETURN_PREVIOUS,
        )

    def finish_all(self) -> None:
        """End every run at the end of the process, with its exit code; a child's only in its own log."""
        code, reason = self._exits.ending()
        for run in list(self._open):
            run.end(code, reason)

    def config(self) -> Config:
        """Return the current run's config; before `init()` one that is nobody's."""
        return self._config if self.run is None else self.run.config

    def summary(self) -> Summary:
        """Return the current run's summary; before `init()` one that is nobody's."""
        return self._summary if self.run is None else self.run.summary

    def find(self, what: str) -> Run | None:
        """Return the current run, or None, which is told once."""
        if self.run is None:
            self.notices.tell("no run", f"sdk.{what} without a run has no effect: call sdk.init() first")
        return self.run

    def _begin(self, arguments: Mapping[str, Any]) -> Run:
        self._begun_without_id += not arguments.get("id")
        return self._open_run(arguments)

    def _open_run(self, arguments: Mapping[str, Any]) -> Run:
        return open_run(
            arguments,
            ordinal=self._begun_without_id,
            around=self._around,
            on_finish=self._forget,
        )

    def _add(self, begin: Callable[[], Run], what: str, policy: str) -> Run:
        try:
            run = begin()
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            say(
                f"tidelog: {what} failed ({type(error).__name__}: {error}); training goes on and "
                "nothing is recorded"
            )
            run = self._open_run({"mode": DISABLED})
        self._open.append(run)
        self._exits.start()
        if policy != CREATE_NEW or self.run is None:
            self.run = run
        return run

    def _forget(self, run: Run) -> None:
        if run in self._open:
            self._open.remove(run)
        if self.run is run:
            self.run = None
        if not self._open:
            self._exits.stop()

    def _tell_no_run(self, _values: object) -> None:
        self.find("config and sdk.summary")


def _is_hashable(value: object) -> bool:
    return value is None or isinstance(value, (bool, str))
