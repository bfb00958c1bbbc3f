"""What must hold: nothing lost, nothing doubled, no damage accepted, no loss unreported.

Compares the disks themselves, byte by byte, with the outside ledger; of the programs it asks only what
they report: what is parked, which tails they saw, what a Reader finds damaged.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation.disk import Faults, SimulatedDisk
from simulation.hub import DATA
from simulation.medium import File
from simulation.trainer import ROOT

from tidelog.datastore import Reader
from tidelog.datastore.append import log_id_of
from tidelog.datastore.errors import NotALogError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.layout import LogName
from tidelog.datastore.scan import Scanner, identify
from tidelog.syncd.agent.home import ledger_at_home
from tidelog.syncd.agent.task import LARGE_FILE, LOG, Run, Task

if TYPE_CHECKING:
    from simulation.daemon import SimulatedDaemon
    from simulation.trainer import Machine
    from simulation.world import Place, World


@dataclass(frozen=True, slots=True)
class Whole:
    """The part of a log that may travel, and whose it is."""

    log_id: bytes
    data: bytes
    is_named: bool
    """Whether its id is its own; one that is made from a lost header may be that of others."""


def check_peace(world: "World") -> None:
    """Fail where anything that was promised does not hold, once all is quiet."""
    assert not world.loop.unhandled, world.loop.unhandled[:3]
    for name, disk, root in world.replicas():
        number = 0 if name == "hub" else 1
        places = [place for place in world.places if len(_reporting(place, number)) > 0]
        _Check(world, name, disk, root, number).run(places)


def check_power_cut(world: "World") -> None:
    """Fail where the hub lost in a power cut what it had acknowledged."""
    hub = world.hub
    for path, end in hub.held_logs.items():
        node = hub.medium.find(path)
        held = bytes(node.data) if isinstance(node, File) else b""
        assert len(held) >= end, f"the hub acknowledged {end} bytes of {path}, {len(held)} are left"
        run, name = path.removeprefix(f"{DATA}/").rsplit("/", 1)
        assert world.ledger.may_hold(run, _home_name(name), held[:end], is_hurt=world.is_hurt(run)), (
            f"the hub acknowledged other bytes of {path} than it has"
        )
    for path, versions in hub.held_files.items():
        node = hub.medium.find(path)
        assert isinstance(node, File), f"the hub acknowledged {path}, and it is gone"
        found = hashlib.sha256(node.data).hexdigest()
        assert found in versions, f"the hub acknowledged {path}, and holds something else"


def whole_part(data: bytes, name: str) -> Whole | None:
    """Return what of a log's bytes may travel, None where they are no log."""

    def read_at(offset: int, size: int) -> bytes:
        return data[offset : offset + size]

    try:
        identity = identify(read_at, log=name)
    except NotALogError:
        return None
    scanner = Scanner(read_at, identity.tag, log=name)
    for _ in scanner:
        pass
    end = max(scanner.offset, FILE_HEADER_BYTES)
    return Whole(log_id_of(identity, data), data[:end], identity.log_id is not None)


class _Check:
    """The comparison of all machines with one replica."""

    def __init__(self, world: "World", name: str, disk: SimulatedDisk, root: str, number: int) -> None:
        self._world = world
        self._name = name
        self._disk = disk
        self._root = root
        self._number = number
        self._parked: set[str] = set()

    def run(self, places: "list[Place]") -> None:
        for place in places:
            for report in _reporting(place, self._number):
                self._parked |= {str(task.run) for task in report.parked if task.kind == LOG}
            for run in place.machine.runs:
                self._check_run(place, run)
            self._check_parked(place)
        for run in sorted({path.rsplit("/", 1)[0] for path, _ in self._held_logs()}):
            self._check_held_run(run)
        for place in places:
            self._check_rows(place.machine)

    # -- from home to the replica ----------------------------------------------------------------

    def _check_run(self, place: "Place", run: str) -> None:
        is_sound = True
        for path, file in place.machine.medium.files(f"{ROOT}/{run}"):
            name = path.rsplit("/", 1)[1]
            if path == f"{ROOT}/{run}/{name}" and LogName.parse(name) is not None:
                is_sound &= self._check_log(place, run, name, bytes(file.data))
        self._check_files(place, run, is_sound=is_sound)

    def _check_log(self, place: "Place", run: str, name: str, data: bytes) -> bool:
        task = Task(_run(run), LOG, name)
        reported = _reporting(place, self._number)
        parked = [reason for each in reported for t, reason in each.parked.items() if t == task]
        whole = whole_part(data, name)
        where = f"{self._name}: {run}/{name}"
        if whole is None:
            is_short = len(data) < FILE_HEADER_BYTES
            is_safe = (there := self._read(f"{run}/{name}")) is not None and self._was(run, name, there)
            assert is_short or parked or is_safe, f"{where} is no log, and nobody says so"
            return not is_safe
        held = self._held(run, name, whole.log_id, data)
        if len(data) > len(whole.data) and not _is_longer(held, whole.data):
            tails = [t for each in reported for t in each.tails]
            assert task in tails or parked, f"{where} has a tail that stays at home, and nobody says so"
        if (
            held is None
            and whole.data == data[:FILE_HEADER_BYTES]
            and len(whole.data) == FILE_HEADER_BYTES
        ):
            # A log without one whole chunk may have travelled or not.
            return True
        if held == whole.data:
            # What was said of a log that was changed at home stays said until somebody retries.
            is_changed = run in place.machine.is_damaged
            assert is_changed or not parked, f"{where} is parked although it is whole there: {parked[0]}"
            return True
        assert held is None or not whole.data.startswith(held) or parked, (
            f"{where}: {len(held)} of {len(whole.data)} bytes arrived, and nobody says so"
        )
        assert held is not None or parked, f"{where} did not arrive, and nobody says so"
        if held is not None and not whole.data.startswith(held):
            # Changed at home after it had left: what left is there, and was right then.
            assert self._was(run, name, held), f"{where}: bytes arrived that never were in it"
            return False
        if run in place.machine.is_damaged:
            return False  # Damaged while it was read, and told.
        raise AssertionError(f"{where} is parked, and could have gone on: {parked[0]}")

    def _held(self, run: str, name: str, log_id: bytes, here: bytes) -> bytes | None:
        """Return what arrived of a log: by its id, else by what this log was before its header broke."""
        parsed = LogName.parse(name)
        assert parsed is not None
        twin = str(parsed._replace(twin=log_id.hex()[:8]))
        found: bytes | None = None
        for each in (name, twin):
            data = self._read(f"{run}/{each}")
            whole = whole_part(data, each) if data is not None else None
            if data is not None and whole is not None and whole.log_id == log_id:
                assert found is None, f"{self._name}: {run} holds {name} twice"
                # Behind the last whole chunk a crash may have left something; nobody was told of it.
                found = whole.data
        if found is None and (data := self._read(f"{run}/{name}")) is not None:
            whole = whole_part(data, name)
            lives = self._world.ledger.lives(run, name, data)
            if whole is not None and any(life.may_hold(here, is_hurt=True) for life in lives):
                return whole.data
        return found

    def _was(self, run: str, name: str, data: bytes) -> bool:
        return self._world.ledger.may_hold(run, name, data, is_hurt=self._world.is_hurt(run))

    def _check_files(self, place: "Place", run: str, *, is_sound: bool) -> None:
        disk = SimulatedDisk(place.machine.medium, Faults())
        versions = self._world.ledger.files
        reported = _reporting(place, self._number)
        for path, entry in ledger_at_home(_run(run), disk).items():
            where = f"{self._name}: {run}/{path}"
            task = Task(_run(run), LARGE_FILE, path)
            parked = [reason for each in reported for t, reason in each.parked.items() if t == task]
            node = place.machine.medium.find(f"{ROOT}/{run}/{path}")
            here = hashlib.sha256(node.data).hexdigest() if isinstance(node, File) else None
            held = self._read(f"{run}/{path}")
            there = None if held is None else hashlib.sha256(held).hexdigest()
            assert there is None or there in versions.get((run, path), {}), f"{where} is garbled"
            if there == entry.sha256:
                assert not parked or here != entry.sha256, f"{where} arrived, and is parked: {parked}"
            elif here == entry.sha256 and is_sound and len(self._world.places) == 1:
                raise AssertionError(
                    f"{where} did not arrive: there is {there and there[:8]}, "
                    f"the ledger says {entry.sha256[:8]}, parked {parked}"
                )
            elif here != entry.sha256:
                assert parked or there is not None or not is_sound, f"{where} is lost, nobody says so"

    def _check_parked(self, place: "Place") -> None:
        """Fail where something is parked that exists and could have been sent."""
        for report in _reporting(place, self._number):
            for task, reason in report.parked.items():
                node = place.machine.medium.find(f"{task.run.path}/{task.name}")
                if task.kind != LARGE_FILE or not isinstance(node, File):
                    continue
                entry = ledger_at_home(task.run, SimulatedDisk(place.machine.medium, Faults())).get(
                    task.name
                )
                here = hashlib.sha256(node.data).hexdigest()
                if entry is not None and here == entry.sha256 and len(self._world.places) == 1:
                    raise AssertionError(f"{self._name}: {task} is parked for no reason: {reason}")

    # -- what the replica holds ------------------------------------------------------------------

    def _check_held_run(self, run: str) -> None:
        seen: set[bytes] = set()
        for path, data in self._held_logs():
            if path.rsplit("/", 1)[0] != run:
                continue
            whole = whole_part(data, path)
            if whole is None:
                continue
            is_twice = whole.is_named and whole.log_id in seen
            assert not is_twice, f"{self._name}: {run} holds one log twice"
            seen.add(whole.log_id)
            name = _home_name(path.rsplit("/", 1)[1])
            assert self._was(run, name, whole.data), f"{self._name}: {path} holds what was never in it"
        for path, file in self._disk.medium.files(f"{self._root}/{run}"):
            name = path.removeprefix(f"{self._root}/{run}/")
            if name.startswith(("media/", "files/")) and not name.endswith(".tmp"):
                sha256 = hashlib.sha256(file.data).hexdigest()
                known = self._world.ledger.files.get((run, name), {})
                assert sha256 in known, f"{self._name}: {run}/{name} holds what was never in it"

    def _check_rows(self, machine: "Machine") -> None:
        """Every row that is owed is there once, in its run; or a Reader reports damage there."""
        owed: dict[str, list[int]] = {}
        for run, row in machine.owed():
            owed.setdefault(run, []).append(row)
        for run in machine.runs:
            if self._disk.medium.find(f"{self._root}/{run}") is None:
                assert not owed.get(run) or run in machine.is_damaged, (
                    f"{self._name}: {run} is not there"
                )
                continue
            with Reader(f"{self._root}/{run}", disk=self._disk) as reader:
                rows = Counter(r.data["i"] for r in reader.records() if r.kind == "row")
                damage, tails = reader.damage, reader.torn_tails
            doubled = [row for row, count in rows.items() if count > 1]
            is_hurt = run in machine.is_damaged or len(self._world.places) > 1
            assert is_hurt or not doubled, f"{self._name}: {run} holds rows twice: {doubled[:5]}"
            strange = [row for row in rows if self._world.ledger.row_runs.get(row) is None]
            assert not strange, f"{self._name}: {run} holds rows that nobody logged: {strange[:5]}"
            lost = [row for row in owed.get(run, ()) if row not in rows]
            lost = [] if run in self._parked else lost
            assert not lost or damage or tails or run in machine.is_damaged, (
                f"{self._name}: {run} lacks rows {lost[:5]}, and a Reader reports no damage"
            )
            assert not damage or run in machine.is_damaged or machine.may_be_damaged, (
                f"{self._name}: {run} is damaged, and was not at home: {damage[:2]}"
            )

    def _held_logs(self) -> list[tuple[str, bytes]]:
        return [
            (path.removeprefix(f"{self._root}/"), bytes(file.data))
            for path, file in self._disk.medium.files(self._root)
            if LogName.parse(path.rsplit("/", 1)[1]) and "/.hub/" not in path
        ]

    def _read(self, path: str) -> bytes | None:
        node = self._disk.medium.find(f"{self._root}/{path}")
        return bytes(node.data) if isinstance(node, File) else None


def _is_longer(held: bytes | None, here: bytes) -> bool:
    """Tell whether more had arrived than is whole here now: it was damaged later, and only here."""
    return held is not None and len(held) > len(here)


class _Report:
    """What one agent says of itself."""

    def __init__(self, daemon: "SimulatedDaemon", number: int) -> None:
        agent = daemon.agents[number]
        self.parked = agent.planner.parked
        self.tails = agent.losses.tails


def _reporting(place: "Place", number: int) -> list[_Report]:
    return [
        _Report(daemon, number)
        for daemon in place.daemons
        if daemon.is_up and number < len(daemon.agents)
    ]


def _run(run: str) -> Run:
    project, name = run.split("/")
    return Run(f"{ROOT}/{run}", project, name)


def _home_name(name: str) -> str:
    """Return the name at home of a log that may be a twin."""
    parsed = LogName.parse(name)
    assert parsed is not None
    return str(parsed._replace(twin=""))
