"""One seed's world: machines, daemons, a hub, a mirror, and the network between them."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from simulation.daemon import MIRROR, SETTINGS, SimulatedDaemon, SimulatedState
from simulation.disk import Faults, SimulatedDisk
from simulation.hub import DATA, SimulatedHub
from simulation.ledger import Ledger
from simulation.loop import VirtualClock, VirtualLoop
from simulation.medium import Medium
from simulation.network import Network, Weather
from simulation.trainer import Machine

from tidelog.syncd.agent.plan.pace import Pace
from tidelog.syncd.agent.settings import AgentSettings

KEY = "agent"


@dataclass(slots=True)
class Place:
    """A machine and what runs there beside the training."""

    machine: Machine
    daemons: list[SimulatedDaemon] = field(default_factory=list)
    states: list[SimulatedState] = field(default_factory=list)


class World:
    """Everything that one seed makes. `note` gets a line for each thing that happens."""

    def __init__(
        self,
        seed: int,
        *,
        note: Callable[[str], None] = lambda _: None,
        settings: AgentSettings = SETTINGS,
    ) -> None:
        self.random = Random(seed)
        self.loop = VirtualLoop(Random(self.random.random()))
        self.ledger = Ledger()
        self.weather = Weather()
        self.told: list[str] = []
        self.was_restored = False
        self.settings = settings
        self._note = note
        self.hub_clock = VirtualClock(self.loop)
        self.hub = SimulatedHub(
            Medium(self.hub_clock.now, self.random), loop=self.loop, clock=self.hub_clock
        )
        self.secret = self.hub.keys.create(KEY)
        self.hub.start()
        self.mirror: Medium | None = None
        if self.random.random() < 0.3:
            self.mirror = Medium(self.hub_clock.now, self.random)
            SimulatedDisk(self.mirror, Faults()).make_directory("/mirror")
        self.network = Network(self.hub, self.weather, loop=self.loop, random=self.random, note=note)
        tick_s = self.random.choice((0.0, 0.0, 2.0))
        machine = Machine(self.loop, self.ledger, random=self.random, tick_s=tick_s)
        self.places = [Place(machine)]
        self._pace = self.random.random() < 0.1
        self.backups = [(self.hub.medium.snapshot(), self.secret)]

    def note(self, text: str) -> None:
        """Tell what happens."""
        self._note(f"{self.loop.time():10.3f}  {text}")

    def is_hurt(self, run: str) -> bool:
        """Tell whether logs of a run were damaged on some machine."""
        return any(p.machine.may_be_damaged or run in p.machine.is_damaged for p in self.places)

    # -- daemons ---------------------------------------------------------------------------------

    def start_daemon(self, place: Place, state: SimulatedState | None = None) -> None:
        """Start a daemon on a machine, with a state or a new one."""
        state = state or SimulatedState()
        state.is_dead = False
        number = len(place.daemons)

        def tell(text: str) -> None:
            self.told.append(text)
            self.note(f"daemon {number}: {text}")

        daemon = SimulatedDaemon(
            place.machine,
            state,
            network=self.network,
            settings=self.settings,
            read_key=lambda: self.secret,
            mirror=self.mirror if place is self.places[0] else None,
            loop=self.loop,
            pace=Pace(400) if self._pace else None,
            chance=self.random.random,
            tell=tell,
        )
        place.daemons.append(daemon)

    def kill_daemon(self, daemon: SimulatedDaemon) -> None:
        """End a daemon as SIGKILL does."""
        daemon.kill()

    def daemons_up(self) -> list[tuple[Place, SimulatedDaemon]]:
        """Return the daemons that run."""
        return [(place, daemon) for place in self.places for daemon in place.daemons if daemon.is_up]

    # -- the hub ---------------------------------------------------------------------------------

    def back_up_hub(self) -> None:
        """Keep a copy of the hub's data."""
        if self.hub.is_up:
            self.backups.append((self.hub.medium.snapshot(), self.secret))

    def restore_hub(self) -> None:
        """Put an older copy of the hub's data in its place."""
        self.hub.kill()
        backup, self.secret = self.random.choice(self.backups)
        self.hub.medium.restore(backup)
        self.hub.held_logs.clear()
        self.hub.held_files.clear()
        self.was_restored = True

    def renew_key(self) -> None:
        """Let the person make a new key and log in with it."""
        with contextlib.suppress(Exception):
            self.hub.keys.revoke(KEY)
        self.secret = self.hub.keys.create(KEY)

    def replicas(self) -> list[tuple[str, SimulatedDisk, str]]:
        """Return what is uploaded to: its name, a disk to read it from, and where it lies there."""
        found = [("hub", SimulatedDisk(self.hub.medium, Faults()), DATA)]
        if self.mirror is not None:
            found.append(("mirror", SimulatedDisk(self.mirror, Faults()), MIRROR))
        return found
