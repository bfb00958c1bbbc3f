"""A daemon in the simulation: the real inventory, agents, planner, uploader and targets of one machine.

Put together as `daemon/service.py` does it, without its socket and without a watcher of the kernel's.
"""

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType

from simulation.disk import Faults, SimulatedDisk
from simulation.loop import Killed, VirtualLoop
from simulation.medium import Medium
from simulation.network import Network
from simulation.trainer import ROOT, Machine

from tidelog.syncd.agent.plan.gate import Gate
from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.http_target import HttpTarget
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.upload.agent import Agent
from tidelog.syncd.agent.upload.progress import Progress
from tidelog.syncd.agent.upload.state import MemoryState
from tidelog.syncd.agent.upload.tables import Table
from tidelog.syncd.agent.watch.hints import Hints
from tidelog.syncd.agent.watch.inventory import FoundLog, Inventory
from tidelog.syncd.agent.watch.lookout import Lookout
from tidelog.syncd.agent.watch.tree import Place

HUB_URL = "http://hub.example"
MIRROR = "/mirror/root"
BACKUPS_MAX = 40

SETTINGS = AgentSettings(
    tail_interval_s=5.0,
    runs_interval_s=10.0,
    sweep_interval_s=20.0,
    live_s=600.0,
    old_s=900.0,
    settle_s=3.0,
    tasks_max=3,
    append_bytes=300,
    append_bytes_max=20_000,
    damage_ranges_max=4,
    small_file_bytes_max=120,
    batch_bytes=300,
    batch_files_max=3,
    piece_bytes=150,
    backoff_first_s=1.0,
    backoff_max_s=20.0,
    retry_after_max_s=60.0,
    connect_timeout_s=5.0,
    answer_timeout_s=15.0,
    recount_interval_s=40.0,
    recount_pause_s=4.0,
    recount_hurry_s=1.0,
    recount_runs=2,
    recount_logs=3,
    gate_interval_s=5.0,
    drain_s=5.0,
)

Tables = Mapping[bytes, Mapping[bytes, bytes]]


class SimulatedState(MemoryState):
    """A state that outlives its daemon, fails to be written when told to, and keeps backups of itself.

    A transaction that fails leaves nothing behind, as LMDB's do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_failing = False
        self.is_dead = False
        self.backups: list[Tables] = [self.copy()]

    def copy(self) -> Tables:
        """Return what is in it now."""
        return {name: dict(table.items(b"")) for name, table in self._dicts.items()}

    def restored(self, tables: Tables) -> "SimulatedState":
        """Return a state that holds what a backup holds, for the next daemon."""
        state = SimulatedState()
        for name, values in tables.items():
            for key, value in values.items():
                state._dicts[name].put(key, value)
        state.backups = [*self.backups, state.copy()]
        return state

    def _tables(self, *, write: bool = False) -> "_Transaction":  # type: ignore[override]
        if self.is_dead:
            raise Killed
        return _Transaction(self, self._dicts, write=write)


class _Transaction:
    def __init__(self, state: SimulatedState, tables: Mapping[bytes, Table], *, write: bool) -> None:
        self._state = state
        self._tables = tables
        self._write = write

    def __enter__(self) -> Mapping[bytes, Table]:
        if self._write and self._state.is_failing:
            raise OSError(28, "the state cannot be written")
        return self._tables

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._write:
            backups = self._state.backups
            backups.append(self._state.copy())
            del backups[: max(0, len(backups) - BACKUPS_MAX)]


class SimulatedDaemon:
    """One daemon process on a machine; `kill` ends it at whatever it does."""

    def __init__(
        self,
        machine: Machine,
        state: SimulatedState,
        *,
        network: Network,
        settings: AgentSettings,
        read_key: Callable[[], str],
        mirror: Medium | None = None,
        loop: VirtualLoop,
        pace: Pace | None = None,
        chance: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.machine = machine
        self.state = state
        self.is_up = True
        self.gate = Gate()
        self.disk = SimulatedDisk(machine.medium, machine.faults, on_death=self.kill)
        self.mirror_faults = Faults()
        self.mirror_disk: SimulatedDisk | None = None
        self.inventory = Inventory(ROOT, disk=self.disk, clock=machine.clock, settings=settings)
        targets: list[Target] = [
            HttpTarget(
                HUB_URL, read_key=read_key, settings=settings, clock=machine.clock, connections=network
            )
        ]
        if mirror is not None:
            self.mirror_disk = SimulatedDisk(mirror, self.mirror_faults, on_death=self.kill)
            targets.append(RootTarget(f"file://{MIRROR}", MIRROR, disk=self.mirror_disk, begun=state))
        self.agents = [
            Agent(
                target,
                state,
                disk=self.disk,
                clock=machine.clock,
                settings=settings,
                chance=chance,
                tell=tell,
                gate=self.gate,
                pace=pace or Pace(),
                on_final=self.inventory.note_final,
                progress=Progress(keeps_items=False),
                runs_after=self.inventory.runs_after,
            )
            for target in targets
        ]
        for agent in self.agents:
            agent.resume()
        self.lookout = Lookout(
            self.inventory,
            self._found,
            self._gone,
            clock=machine.clock,
            settings=settings,
            tell=tell,
            open_hints=NoHints,
        )
        self._tasks = [
            loop.create_task(self.lookout.run()),
            *(loop.create_task(agent.run()) for agent in self.agents),
        ]

    @property
    def sweeps(self) -> int:
        """How many sweeps over the roots came to their end."""
        return self.lookout.sweeps

    @property
    def recounts(self) -> int:
        """How many rounds of questions came to their end, at the target that was asked the fewest."""
        return min(agent.recount.rounds for agent in self.agents if agent.recount is not None)

    @property
    def is_quiet(self) -> bool:
        """Tell whether everything that is known was acknowledged or is parked."""
        return all(agent.planner.is_idle for agent in self.agents)

    def failures(self) -> Iterable[BaseException]:
        """Yield what ended a part of the daemon that must not end."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                error = task.exception()
                if self.is_up:
                    yield error or RuntimeError("a part of the daemon has returned")

    def kill(self) -> None:
        """Die now."""
        if self.is_up:
            self.is_up = False
            self.state.is_dead = True
            self.disk.kill()
            if self.mirror_disk is not None:
                self.mirror_disk.kill()
            for task in self._tasks:
                task.cancel()

    def heal(self) -> None:
        """Let its disks and its state work again, and nothing hold it back."""
        self.mirror_faults.heal()
        self.state.is_failing = False
        self.disk.die_in = 0
        if self.mirror_disk is not None:
            self.mirror_disk.die_in = 0
        self.gate.paused_until = 0.0
        for agent in self.agents:
            agent.wake()

    def _gone(self, run: Run) -> None:
        for agent in self.agents:
            agent.gone(run)

    def _found(self, logs: list[FoundLog]) -> None:
        for agent in self.agents:
            agent.found(logs)


class NoHints(Hints):
    """A system that tells nothing: a hint is never believed, and all must be found without."""

    def __init__(self, *_: object, **__: object) -> None:
        self.overflows = 0

    def watch(self, places: Iterable[Place]) -> None:
        """Watch nothing."""

    def quiet(self) -> set[str]:
        """Know of no folder that it did not change."""
        return set()

    def judge(self, changed: Iterable[str]) -> None:
        """Have nothing to be judged by."""

    def close(self) -> None:
        """Hold nothing."""
