"""The runs of this process: how one is begun, which one the module's functions mean, how all end."""

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import WriterClosedError
from tidelog.datastore.layout import LATEST, sorted_logs
from tidelog.datastore.settings import SettingsError, read_settings
from tidelog.datastore.writer import Writer
from tidelog.sdk.exits import FAILED, ExitWatch
from tidelog.sdk.facts.script import git_facts, package_version, script_facts
from tidelog.sdk.monitor.pace import parse_interval
from tidelog.sdk.monitor.start import Monitor
from tidelog.sdk.naming import Entropy
from tidelog.sdk.notices import Notices, say
from tidelog.sdk.ranks import find_rank
from tidelog.sdk.recording import Earlier, Run
from tidelog.sdk.report import find_style, start_block
from tidelog.sdk.run_plan import DISABLED, ONLINE, Plan, make_plan
from tidelog.sdk.spawn import spawn_detached, syncd_command
from tidelog.sdk.views import RecordedMapping, SummaryMapping

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
TWINS_MAX = 1000


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
        self._disk = disk or Disk()
        self._clock = clock or Clock()
        self._entropy = entropy
        self._environ = environ
        self._syncd = syncd
        self._open: list[Run] = []
        self._exits = ExitWatch(self.finish_all, lambda: [run.step for run in self._open])
        self._config = RecordedMapping(title="config", record=self._tell_no_run, notices=self.notices)
        self._summary = SummaryMapping(computed=dict, record=self._tell_no_run, notices=self.notices)

    def init(self, arguments: dict[str, Any]) -> Run:
        """Begin a run, or go on with one. Never raises: what is wrong is said, and made to work."""
        config, reinit, resume = (arguments.pop(key, None) for key in ("config", "reinit", "resume"))
        policy = REINITS.get(reinit, RETURN_PREVIOUS) if _is_hashable(reinit) else RETURN_PREVIOUS
        if self.run is not None and self.run.is_inherited:
            self.run = None  # A forked child's own run is not its parent's.
        if self.run is not None and policy == RETURN_PREVIOUS:
            self.notices.tell(
                "reinit",
                f"init() was called while run {self.run.name} is open: that run is returned; call "
                "finish() first, or pass reinit=True, to begin another one",
            )
            self.run.config.update(config)
            return self.run
        if self.run is not None and policy == FINISH_PREVIOUS:
            self.run.finish()
        try:
            run = self._begin(arguments, config, resume)
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            say(
                f"tidelog: init() failed ({type(error).__name__}: {error}); training goes on and "
                "nothing is recorded"
            )
            run = self._begin({"mode": DISABLED}, None, None)
        self._open.append(run)
        self._exits.start()
        if policy != CREATE_NEW or self.run is None:
            self.run = run
        return run

    def finish_all(self) -> None:
        """End every run at the end of the process, with its exit code; a child's only in its own log."""
        code, reason = self._exits.ending()
        for run in list(self._open):
            run.end(code, reason)

    def config(self) -> RecordedMapping:
        """Return the current run's config; before `init()` one that is nobody's."""
        return self._config if self.run is None else self.run.config

    def summary(self) -> SummaryMapping:
        """Return the current run's summary; before `init()` one that is nobody's."""
        return self._summary if self.run is None else self.run.summary

    def find(self, what: str) -> Run | None:
        """Return the current run, or None, which is told once."""
        if self.run is None:
            self.notices.tell("no run", f"sdk.{what} without a run has no effect: call sdk.init() first")
        return self.run

    # -- beginning a run -------------------------------------------------------------------------

    def _begin(self, arguments: dict[str, Any], config: object, resume: object) -> Run:
        notices = Notices()
        plan = self._plan(arguments, notices)
        for kind, text in plan.notices:
            notices.tell(kind, text)
        writer = None
        earlier = Earlier()
        if plan.mode != DISABLED:
            earlier = self._look_back(plan, resume, notices)
            writer = self._open_writer(plan, notices)
        try:
            return self._begin_with(writer, plan, notices, earlier=earlier, config=config)
        except Exception as error:
            if writer is not None:
                writer.close(state="failed", exit_code=FAILED, reason=f"init() failed: {error!r}")
            raise

    def _begin_with(
        self,
        writer: Writer | None,
        plan: Plan,
        notices: Notices,
        *,
        earlier: Earlier,
        config: object,
    ) -> Run:
        run = Run(
            plan,
            writer,
            earlier=earlier,
            notices=notices,
            disk=self._disk,
            clock=self._clock,
            on_finish=self._forget,
        )
        if writer is not None:
            plan.facts |= {**script_facts(), "start_time": self._clock.now()}
            if plan.is_name_given or not (earlier.is_resumed or plan.rank.number):
                plan.facts["name"] = plan.name
            writer.log_run(plan.facts)
        if config is not None:
            run.config.update(config)
        if writer is not None:
            run.start_chores(*self._chores(run, plan, writer))
            run.monitor = self._monitor(run, plan, writer)
            if run.monitor is not None:
                run.monitor.start()
            if not plan.is_quiet:
                say(_start_block(plan, earlier))
        return run

    def _plan(self, arguments: dict[str, Any], notices: Notices) -> Plan:
        try:
            settings = read_settings(self._environ, disk=self._disk)
        except SettingsError as error:
            notices.tell("settings file", f"{error}; it is passed over")
            settings = {}
        return make_plan(
            arguments,
            settings,
            rank=find_rank(self._environ),
            now=self._clock.now(),
            entropy=self._entropy,
        )

    def _look_back(self, plan: Plan, resume: object, notices: Notices) -> Earlier:
        """Return what is there of a run whose id was given; `resume="never"` wants a new one."""
        if not plan.is_id_given:
            return Earlier()
        names = self._log_names(plan.directory)
        if resume == "never" and names:
            plan.run_id = self._free_id(plan)
            notices.tell("resume", f"the run is there already; recorded as {plan.run_id}")
            return Earlier()
        if not any(log.stream == plan.rank.stream for log in sorted_logs(names)):
            if resume == "must" and not plan.rank.number:
                notices.tell(
                    "resume", f"there is no run at {plan.directory} to resume: a new one begins there"
                )
            return Earlier()
        from tidelog.datastore.errors import DatastoreError
        from tidelog.datastore.reader import Reader

        try:
            with Reader(plan.directory, disk=self._disk) as reader:
                last_step = reader.last_step
                earlier = Earlier(
                    next_step=0 if last_step is None else last_step + 1,
                    config=reader.config,
                    summary=reader.summary,
                    name=reader.name,
                    is_resumed=True,
                )
        except (DatastoreError, OSError) as error:
            notices.tell("resume", f"{plan.directory} cannot be read ({error}): steps begin at 0 again")
            return Earlier(is_resumed=True)
        if not plan.is_name_given and earlier.name:
            plan.name = earlier.name
        return earlier

    def _log_names(self, directory: str) -> list[str]:
        try:
            return [str(log) for log in sorted_logs([e.name for e in self._disk.list(directory)])]
        except OSError:
            return []

    def _free_id(self, plan: Plan) -> str:
        for number in range(2, TWINS_MAX):
            run_id = f"{plan.run_id[:120]}-{number}"
            if not self._disk.is_there(os.path.join(plan.root, plan.project, run_id)):
                return run_id
        return plan.run_id

    def _open_writer(self, plan: Plan, notices: Notices) -> Writer | None:
        try:
            return Writer(
                plan.directory,
                stream=plan.rank.stream,
                durability=plan.durability,
                disk=self._disk,
                clock=self._clock,
                on_problem=notices.tell_problem,
            )
        except OSError as error:
            notices.tell(
                "directory",
                f"{plan.directory} cannot be written ({error.strerror or error}): nothing of this run "
                "is recorded, training goes on; name a folder that can be written with "
                "TIDELOG_DIR=... or init(dir=...)",
            )
            plan.mode = DISABLED
            return None

    def _chores(
        self, run: Run, plan: Plan, writer: Writer
    ) -> tuple[list[Callable[[], None]], Callable[[], None]]:
        """Return what is done beside training, the most useful first, and what may last."""

        def start_syncd() -> None:
            try:
                wait = spawn_detached(self._syncd(plan.root))
            except OSError as error:
                raise OSError(
                    f"syncd could not be started ({error}); start it by hand: syncd start"
                ) from error
            waiting.append(wait)

        def point_to_latest() -> None:
            link = os.path.join(plan.root, LATEST)
            with contextlib.suppress(OSError):  # A convenience that some file systems do not have.
                self._disk.point_link(link, os.path.join(plan.project, plan.run_id))

        def ask_git() -> None:
            cwd = plan.facts.get("cwd")
            found = {"git": git_facts(cwd) if cwd else None, "tidelog": package_version()}
            more = {name: value for name, value in found.items() if value is not None}
            plan.facts |= more
            with contextlib.suppress(WriterClosedError):  # The run did not wait for a slow git.
                writer.log_run(more)

        def write_run_json() -> None:
            from tidelog.sdk.derived import write_run_json as write

            if not run.is_finished:
                write(plan.directory, plan.facts, run.config.as_dict(), disk=self._disk)

        def reap_syncd() -> None:
            for code in [wait() for wait in waiting]:
                if code:
                    run.notices.tell(
                        "syncd",
                        f"syncd did not start (exit code {code}): the run is recorded and not uploaded "
                        "yet; run `syncd start` to see why",
                    )

        waiting: list[Callable[[], int]] = []
        chores: list[Callable[[], None]] = [start_syncd] if plan.mode == ONLINE else []
        if not plan.rank.number:
            chores += [point_to_latest, ask_git, write_run_json]
        return chores, reap_syncd

    def _monitor(self, run: Run, plan: Plan, writer: Writer) -> Monitor | None:
        interval = parse_interval(plan.monitor)
        if interval.fault is not None:
            run.notices.tell("monitor", interval.fault)
        if interval.seconds is None:
            return None
        return Monitor(
            plan.directory,
            writer.path.name,
            interval_s=interval.seconds,
            notices=run.notices,
            disk=self._disk,
            environ=self._environ,
        )

    def _forget(self, run: Run) -> None:
        if run in self._open:
            self._open.remove(run)
        if self.run is run:
            self.run = None
        if not self._open:
            self._exits.stop()

    def _tell_no_run(self, _values: object) -> None:
        self.find("config and sdk.summary")


def _start_block(plan: Plan, earlier: Earlier) -> str:
    return start_block(
        name=plan.name,
        project=plan.project,
        run_id=plan.run_id,
        mode=plan.mode,
        has_hub=plan.has_hub,
        directory=plan.directory,
        is_resumed=earlier.is_resumed,
        style=find_style(sys.stderr, os.environ),
    )


def _is_hashable(value: object) -> bool:
    return value is None or isinstance(value, (bool, str))
