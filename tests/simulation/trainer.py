"""A machine that trains, and its writers: the real encoder and stream on a simulated disk.

`Writer` itself runs threads of its own; the stream below it, which decides what is written where and
what happens when the disk fails, is driven here as its threads drive it.
"""

import threading
from pathlib import Path
from random import Random

from simulation.disk import Faults, SimulatedDisk
from simulation.ledger import Ledger, LogHistory
from simulation.loop import VirtualClock, VirtualLoop
from simulation.medium import File, Medium

from tidelog.datastore.disk import StrPath
from tidelog.datastore.format import FILE_HEADER_BYTES, RECORDS, encode_chunk, log_tag
from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.record_encoder import RecordEncoder
from tidelog.datastore.records import CONSOLE, FILE, RUN, Media
from tidelog.datastore.stream import Stream

ROOT = "/root"
NEVER_S = 1e9
LIMITS = WriterLimits(
    checkpoint_bytes_min=400,
    checkpoint_growth=2,
    carried_chunk_bytes=150,
    reopen_backoff_first_s=1.0,
    reopen_backoff_max_s=4.0,
)


class WritersDisk(SimulatedDisk):
    """Notes every byte that a log was given, under the id in its header."""

    def __init__(self, medium: Medium, faults: Faults, ledger: Ledger) -> None:
        super().__init__(medium, faults)
        self._ledger = ledger
        self._histories: dict[int, LogHistory] = {}
        self._names: dict[int, str] = {}

    def create(self, path: StrPath, *, mode: int = 0o666) -> int:
        """Create a file; a log begins its history with its header."""
        fd = super().create(path, mode=mode)
        self._names[fd] = str(path)
        return fd

    def write(self, fd: int, data: bytes | memoryview) -> int:  # type: ignore[override]
        """Append."""
        file = self._open[fd]
        before = len(file.data)
        try:
            return super().write(fd, data)
        finally:
            self._note(fd, bytes(file.data[before:]))

    def _note(self, fd: int, data: bytes) -> None:
        path = self._names.get(fd, "")
        if not path.endswith(".tlog"):
            return
        history = self._histories.get(fd)
        if history is None and len(data) >= FILE_HEADER_BYTES:
            run, name = path.rsplit("/", 1)
            history = LogHistory(run.removeprefix(f"{ROOT}/"), name)
            self._histories[fd] = self._ledger.logs[data[8:24]] = history
        if history is not None:
            history.written += data


class SimulatedWriter:
    """One process that writes one stream of a run.

    Rows go from `unsafe` (in memory) to `kernel` to `synced`; what a death or a power cut takes is owed
    no more.
    """

    def __init__(
        self, machine: "Machine", run: str, name: str, *, forked_from: str | None = None
    ) -> None:
        self.run = run
        self.name = name
        self.is_alive = True
        self.is_finished = False
        self.unsafe: list[int] = []
        self.kernel: list[int] = []
        self.synced: list[int] = []
        self.disk = WritersDisk(machine.medium, machine.faults, machine.ledger)
        self._machine = machine
        self._random = machine.random
        self._clock = machine.clock
        self._step = 0
        self._encoder = RecordEncoder()
        self.directory = f"{ROOT}/{run}"
        self.stream = Stream(
            Path(self.directory),
            name,
            encoder=self._encoder,
            lock=threading.RLock(),  # type: ignore[arg-type]
            disk=self.disk,
            clock=machine.clock,
            entropy=machine.random.randbytes,
            on_problem=lambda _: None,
            limits=LIMITS,
            forked_from=forked_from,
            facts=lambda _: {"host": "node1", "pid": 4242},
        )
        self.stream.try_reopen()
        self._append(self._encoder.record(RUN, self._clock.now(), {"id": run.rsplit("/", 1)[1]}))

    def log_rows(self, count: int) -> None:
        """Log rows, some of an earlier step, some long."""
        random = self._random
        for _ in range(count):
            self._step = max(0, self._step + random.choice((1, 1, 1, 0, -2)))
            self._log_row({"loss": random.random()} if random.random() < 0.8 else {"t": "x" * 90})

    def log_media(self, size: int) -> None:
        """Log a row with a picture, whose file comes first."""
        data = self._random.randbytes(size)
        number = self._machine.ledger.rows
        path = f"media/images/{self.name}_{number}_{len(self.unsafe)}.png"
        sha256 = self._machine.ledger.note_file(self.run, path, data)
        try:
            self._put(path, data, is_synced=False)
        except OSError:
            return
        self._log_row({"sample": Media("image", path, sha256, size, {})})

    def save_file(self, name: str, size: int) -> None:
        """Save a file, maybe a new version of one; then its entry in the ledger."""
        data = self._random.randbytes(size)
        path = f"files/{self.name}_{name}"
        sha256 = self._machine.ledger.note_file(self.run, path, data)
        try:
            self._put(path, data, is_synced=True)
        except OSError:
            return
        entry = {"path": path, "size": size, "sha256": sha256, "policy": "now"}
        self._append(self._encoder.record(FILE, self._clock.now(), entry))

    def sync(self) -> None:
        """Bring all to the disk."""
        self._catch_up()
        log = self.stream.begin_sync()
        if log is None:
            return
        failure: OSError | None = None
        try:
            log.sync()
        except OSError as error:
            failure = error
        self.stream.end_sync(log, failure)
        if failure is not None:
            # What a failed sync drops may be gone from the file as well.
            self._machine.note_versions()
            self._machine.may_be_damaged = True
            self.unsafe, self.kernel = self.kernel + self.unsafe, []
            self._catch_up()
        elif not self.stream.has_unsynced:
            self.synced += self.kernel
            self.kernel = []

    def finish(self) -> None:
        """End the run as `close` does."""
        self._catch_up()
        self.stream.append_final(state="finished", exit_code=0)
        self.sync()
        self.is_finished = self.stream.log is not None and not self.stream.has_unsynced
        self.die()

    def die(self) -> None:
        """Die as by SIGKILL: the kernel has what it took."""
        self.is_alive = False
        self.unsafe = []
        self.disk.kill()

    def tear(self) -> None:
        """Die in the middle of a write: a part of a chunk is at the end of the file."""
        log = self.stream.log
        node = self._machine.medium.find(log.path) if log is not None else None
        if isinstance(node, File) and node.is_linked:
            row = self._encoder.row({"loss": 0.5}, self._step, self._clock.now())
            whole = b"\xd1\x54\x01\x00" + len(row).to_bytes(4, "little") + row
            torn = whole[: self._random.randrange(1, len(whole))]
            node.write(len(node.data), torn)
            node.mtime_s = self._machine.medium.now()
            self._machine.history_of(node).written += torn
        self.die()

    def _log_row(self, data: dict[str, object]) -> None:
        number = self._machine.ledger.next_row(self.run)
        payload = self._encoder.row({"i": number, **data}, self._step, self._clock.now())
        self.unsafe.append(number)
        self._append(payload, rows=1)

    def _append(self, payload: bytes, *, rows: int = 0) -> None:
        self.stream.try_reopen()
        self.stream.write_waiting()
        self.stream.append(payload, rows)
        self._settle()

    def _catch_up(self) -> None:
        self.stream.try_reopen()
        self.stream.write_waiting()
        self._settle()

    def _settle(self) -> None:
        stream = self.stream
        if stream.log is not None and not stream.is_waiting and not stream.rows_nowhere:
            self.kernel += self.unsafe
            self.unsafe = []

    def _put(self, path: str, data: bytes, *, is_synced: bool) -> None:
        place = f"{self.directory}/{path}"
        self.disk.make_directory(place.rsplit("/", 1)[0])
        (self.disk.replace if is_synced else self.disk.place)(place, data)


class Machine:
    """A machine with one root: its disk, its writers, and the accidents that happen to them."""

    def __init__(
        self, loop: VirtualLoop, ledger: Ledger, *, random: Random, tick_s: float = 0.0
    ) -> None:
        self.loop = loop
        self.clock = VirtualClock(loop)
        self.medium = Medium(self.clock.now, random, tick_s=tick_s)
        self.faults = Faults()
        self.ledger = ledger
        self.random = random
        self.writers: list[SimulatedWriter] = []
        self.owed_before: list[tuple[str, int]] = []
        self.is_damaged: set[str] = set()
        self.may_be_damaged = False
        SimulatedDisk(self.medium, Faults()).make_directory(ROOT)

    # -- what training does ----------------------------------------------------------------------

    @property
    def alive(self) -> list[SimulatedWriter]:
        """The writers that run."""
        return [writer for writer in self.writers if writer.is_alive]

    @property
    def runs(self) -> list[str]:
        """The runs that were begun here and are still there, as project/run."""
        names = dict.fromkeys(writer.run for writer in self.writers)
        return [name for name in names if self.medium.find(f"{ROOT}/{name}") is not None]

    def start_writer(self, run: str, name: str, *, forked_from: str | None = None) -> None:
        """Begin a run, or go on with one."""
        self.writers.append(SimulatedWriter(self, run, name, forked_from=forked_from))

    def logs(self) -> list[tuple[str, File]]:
        """Return all logs by their path."""
        return [(path, file) for path, file in self.medium.files(ROOT) if path.endswith(".tlog")]

    def owed(self) -> list[tuple[str, int]]:
        """Return the rows that must be on the disk here, each with its run."""
        rows = [(writer.run, row) for writer in self.writers for row in (*writer.synced, *writer.kernel)]
        return [*self.owed_before, *rows]

    # -- accidents -------------------------------------------------------------------------------

    def cut_power(self) -> None:
        """Lose what was not synced; every process dies."""
        for writer in self.writers:
            writer.die()
            writer.kernel = []
        self.note_versions()
        self.may_be_damaged = True
        self.medium.cut_power()
        self.note_versions()

    def flip(self) -> None:
        """Damage a sector of a log."""
        logs = [(path, file) for path, file in self.logs() if len(file.data) > FILE_HEADER_BYTES]
        if not logs:
            return
        path, file = self.random.choice(logs)
        # The writer of a log that is damaged while it runs knows nothing of it and goes on.
        at = self.random.randrange(len(file.data))
        for place in range(at, min(len(file.data), at + self.random.choice((1, 1, 8, 64)))):
            file.data[place] ^= 1 << self.random.randrange(8)
        file.mtime_s = self.medium.now()
        file.settle()
        self.is_damaged.add(path.removeprefix(f"{ROOT}/").rsplit("/", 1)[0])
        self.note_versions()

    def cut_log(self) -> None:
        """Let a restore of an older copy cut a log that nobody writes."""
        written = {writer.stream.log.path for writer in self.alive if writer.stream.log is not None}
        logs = [(path, file) for path, file in self.logs() if path not in written and file.data]
        if logs:
            self.note_versions()
            path, file = self.random.choice(logs)
            file.truncate(self.random.randrange(len(file.data)))
            file.settle()
            file.mtime_s = self.medium.now()
            self._disown(path.removeprefix(f"{ROOT}/").rsplit("/", 1)[0])

    def change_file(self) -> None:
        """Overwrite a file that the ledger names; nobody logs it."""
        files = [f for path, f in self.medium.files(ROOT) if not path.endswith((".tlog", ".tmp"))]
        if files:
            file = self.random.choice(files)
            file.write(0, self.random.randbytes(max(1, len(file.data) // 2)))
            file.settle()
            file.mtime_s = self.medium.now()

    def remove_run(self) -> None:
        """Delete a run, whoever writes it."""
        if self.runs:
            name = self.random.choice(self.runs)
            for writer in self.writers:
                if writer.run == name:
                    writer.die()
            SimulatedDisk(self.medium, Faults()).remove_tree(f"{ROOT}/{name}")
            self._disown(name)

    def replace_log(self) -> None:
        """Put another run's log under the name of one, as a restore on a used name does."""
        written = {writer.stream.log.path for writer in self.alive if writer.stream.log is not None}
        logs = [path for path, file in self.logs() if path not in written and file.data]
        there = self.random.choice(logs) if logs else ""
        folder = there.rsplit("/", 1)[0]
        own = {bytes(file.data[8:24]) for path, file in self.logs() if path.startswith(f"{folder}/")}
        # One log under two names of a run is twice there at home already.
        others = [
            path for path, file in self.logs() if path in logs and bytes(file.data[8:24]) not in own
        ]
        if others:
            self.note_versions()
            node = self.medium.find(self.random.choice(others))
            assert isinstance(node, File)
            SimulatedDisk(self.medium, Faults()).replace(there, bytes(node.data))
            self._disown(folder.removeprefix(f"{ROOT}/"))

    def put_garbage(self) -> None:
        """Leave something that is named like a log, and is none."""
        if self.runs:
            disk = SimulatedDisk(self.medium, Faults())
            path = f"{ROOT}/{self.random.choice(self.runs)}/junk.0001.tlog"
            disk.replace(path, self.random.randbytes(self.random.choice((0, 3, 39, 200))))

    def clone(self) -> "Machine":
        """Return a machine with a copy of the disk, as an image of this one gives it."""
        other = Machine(self.loop, self.ledger, random=self.random)
        other.medium.inodes = self.medium.inodes
        other.medium.restore(self.medium.snapshot())
        other.owed_before = self.owed()
        other.is_damaged = set(self.is_damaged)
        other.may_be_damaged = self.may_be_damaged
        if self.random.random() < 0.5:
            other.go_on_with(self.alive)
        return other

    def go_on_with(self, writers: "list[SimulatedWriter]") -> None:
        """Write on in the logs of another machine's writers, as a clone that never stopped does."""
        for writer in writers:
            node = self.medium.find(writer.stream.log.path) if writer.stream.log is not None else None
            if not isinstance(node, File) or len(node.data) < FILE_HEADER_BYTES:
                continue
            log_id = bytes(node.data[8:24])
            payload = RecordEncoder().record(CONSOLE, self.clock.now(), "stdout", "the other one")
            node.write(
                len(node.data),
                encode_chunk(RECORDS, writer.stream.log.seq, payload, log_tag(log_id)),
            )
            node.mtime_s = self.medium.now()
        self.note_versions()

    def history_of(self, file: File) -> LogHistory:
        """Return the history of the log in a file; one without a header has none of its own."""
        return self.ledger.logs.get(bytes(file.data[8:24])) or LogHistory("", "")

    def note_versions(self) -> None:
        """Keep what every log holds now, for the oracle."""
        for path, file in self.logs():
            run, name = path.removeprefix(f"{ROOT}/").rsplit("/", 1)
            for history in self.ledger.logs.values():
                if (history.run, history.name) == (run, name):
                    history.damaged.append(bytes(file.data))

    def _disown(self, run: str) -> None:
        self.is_damaged.add(run)
        for writer in self.writers:
            if writer.run == run:
                writer.synced, writer.kernel = [], []
        self.owed_before = [each for each in self.owed_before if each[0] != run]
