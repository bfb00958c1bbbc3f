"""What there is to pack: whole chunks up to now, and files that are what the ledger says.

Reads every byte once, and changes nothing. What a receipt says that the other side holds is left out,
after its digests were found to be those of the bytes here.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError, NotALogError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.scan import Damage, TornTail
from tidelog.syncd.agent.home import digest_file, ledger_at_home
from tidelog.syncd.agent.pack.contents import PIECE_BYTES_MAX, PackedLog, PackedRun, PackError
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.held import LogContents, RunContents
from tidelog.syncd.agent.task import LOG, Run, Task
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.ledger import fault_of
from tidelog.syncd.agent.upload.source import LogSource
from tidelog.syncd.bodies import FileEntry

NOTHING = RunContents((), ())


@dataclass(slots=True)
class Findings:
    """What was left out and why, and what a log at home cannot give."""

    left_out: dict[str, str] = field(default_factory=dict)
    damage: list[tuple[Run, Damage]] = field(default_factory=list)
    torn: list[tuple[Run, TornTail]] = field(default_factory=list)


@dataclass(slots=True)
class _Walk:
    """What a walk over one log gives."""

    cuts: list[int] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    entries: list[FileEntry] = field(default_factory=list)
    tail: Damage | TornTail | None = None


class Survey:
    """Looks at runs; `findings` has what to tell."""

    def __init__(self, *, disk: Disk, settings: AgentSettings) -> None:
        self.findings = Findings()
        self._disk = disk
        self._settings = settings

    def look(self, run: Run, names: Sequence[str], received: RunContents | None) -> PackedRun:
        """Return what of a run is to be packed: what `received` does not have. Raises OSError."""
        received = received or NOTHING
        logs: list[PackedLog] = []
        ledger: dict[str, FileEntry] = {}
        for name in names:
            walked = self._walk(run, name, {log.log_id: log for log in received.logs})
            if walked is not None:
                packed, entries = walked
                logs.append(packed)
                ledger.update((entry.path, entry) for entry in entries)
        held = {(file.path, file.size, file.sha256) for file in received.files}
        wanted = [entry for entry in ledger.values() if tuple(entry) not in held]
        files = [entry for entry in wanted if not self._has_fault(run, entry)]
        return PackedRun(run.project, run.name, tuple(logs), tuple(files))

    def _walk(
        self, run: Run, name: str, received: Mapping[str, LogContents]
    ) -> tuple[PackedLog, list[FileEntry]] | None:
        try:
            source = LogSource(Task(run, LOG, name), disk=self._disk, settings=self._settings)
            walk = self._walk_log(source)
        except NotALogError as error:
            if self._disk.stat(os.path.join(run.path, name)).st_size >= FILE_HEADER_BYTES:
                self._leave_out(run, name, str(error))
            return None
        except (DatastoreError, PackError) as error:
            self._leave_out(run, name, str(error))
            return None
        self._note(run, walk)
        start = self._start(run, name, source, received.get(source.log_id.hex()), walk.cuts[-1])
        sha256 = source.sha256_up_to(walk.cuts[-1]) or b""
        cuts = tuple(cut for cut in walk.cuts if cut > start)
        damage = tuple((d.offset, d.length) for d in walk.damage if d.offset >= start)
        return PackedLog(name, source.log_id.hex(), start, cuts, sha256.hex(), damage), walk.entries

    def _walk_log(self, source: LogSource) -> _Walk:
        """Cut a log into ranges that may travel. Raises PackError where one is too long to."""
        walk, cursor = _Walk(), Cursor(source.log_id.hex())
        while True:
            found = source.next_range(cursor)
            if found.end - found.start > PIECE_BYTES_MAX:
                raise PackError(
                    f"a damaged stretch makes a range of {found.end - found.start} bytes; the limit is "
                    f"{PIECE_BYTES_MAX}"
                )
            if found.end > found.start:
                walk.cuts.append(found.end)
            walk.damage += found.damage
            walk.entries += found.entries
            if found.is_last:
                walk.tail = found.tail
                return walk
            cursor = found.after

    def _start(self, run: Run, name: str, source: LogSource, there: LogContents | None, end: int) -> int:
        """Return from where on a log is packed: behind what is there, if that is what is here."""
        if there is None:
            return 0
        if there.size > end:
            self._leave_out(
                run, name, f"{there.size} bytes were received, here are {end}: it was cut since"
            )
            return end
        sha256 = source.sha256_up_to(there.size)
        if sha256 is None or sha256.hex() != there.sha256:
            reason = f"the first {there.size} bytes here are not those that were received: packed whole"
            self._leave_out(run, name, reason)
            return 0
        return there.size

    def _has_fault(self, run: Run, entry: FileEntry) -> bool:
        fault = fault_of(entry) or self._difference(run, entry)
        if fault is None:
            return False
        # Of a run that goes on, the ledger may name a later version by now: the next pack has that one.
        if ledger_at_home(run, self._disk).get(entry.path, entry) == entry:
            self._leave_out(run, entry.path, fault)
        return True

    def _difference(self, run: Run, entry: FileEntry) -> str | None:
        path = os.path.join(run.path, entry.path)
        if not self._disk.is_file(path):
            return "the ledger names it, but it is not here"
        size, sha256 = digest_file(path, self._disk)
        if (size, sha256) == (entry.size, entry.sha256):
            return None
        return (
            f"it has {size} bytes and SHA-256 {sha256[:12]}..., the ledger says {entry.size} bytes and "
            f"{entry.sha256[:12]}...: it was changed after it was logged"
        )

    def _note(self, run: Run, walk: _Walk) -> None:
        self.findings.damage += [(run, damage) for damage in walk.damage]
        if isinstance(walk.tail, TornTail):
            self.findings.torn.append((run, walk.tail))
        elif walk.tail is not None:
            self.findings.damage.append((run, walk.tail))

    def _leave_out(self, run: Run, item: str, reason: str) -> None:
        self.findings.left_out[f"{run}/{item}"] = reason
