"""Takes a pack in: hands each piece of it to a target, which accepts it by the replica's own rules.

What is whole is kept, whatever comes after it. Nothing here makes a path of a member's name: the
members must be those of the table of contents, in its order, and where they go the target decides.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tidelog.datastore.layout import LogName
from tidelog.syncd.agent.pack.contents import (
    CONTENTS_BYTES_MAX,
    CONTENTS_NAME,
    Contents,
    PackedLog,
    PackedRun,
    PackError,
    decode_contents,
)
from tidelog.syncd.agent.pack.tar_stream import (
    BLOCK_BYTES,
    EXTENDED_BYTES_MAX,
    Member,
    TarStream,
    ZstdStream,
)
from tidelog.syncd.agent.plan.retry import Course, SetbackError, park
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Piece, Target
from tidelog.syncd.agent.target.held import RunContents
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import FileEntry, SmallFile

OVERHEAD_BYTES = 4 * BLOCK_BYTES + EXTENDED_BYTES_MAX
"""What a member may take beside its bytes: headers and padding."""
END_BYTES_MAX = 64 * 1024
SKIP_BYTES = 1024 * 1024

GAP = "what comes before it was not received: unpack the earlier pack first, then this one again"
OTHER_BYTES = "the archive has other bytes than its contents say; the file was changed, or the archive"
NOT_ARRIVED = "it did not arrive"


@dataclass(slots=True)
class Unpacked:
    """What became of a pack. `faults` has, by name, what of it the target does not hold, and why.

    `older` are files of which the target has a later version; `ending` says why the archive could not
    be read to its end, "" where it could.
    """

    faults: dict[str, str] = field(default_factory=dict)
    older: set[str] = field(default_factory=set)
    held: dict[PackedRun, RunContents] = field(default_factory=dict)
    ending: str = ""


@dataclass(slots=True)
class _RunState:
    """What is known of the run whose members come in just now."""

    has_gap: bool = False
    is_ahead: bool = False
    wanted: set[str] | None = None
    batch: list[SmallFile] = field(default_factory=list)


class Unpacker:
    """One archive, whose bytes `read_input(size)` gives, on its way into one target."""

    def __init__(
        self,
        archive: str,
        read_input: Callable[[int], bytes],
        target: Target,
        *,
        settings: AgentSettings,
        on_bytes: Callable[[int], None],
        room: Callable[[], int] | None = None,
    ) -> None:
        """`room()` tells how many bytes the target can still take, where that is known."""
        self.outcome = Unpacked()
        self._room = room
        self._archive = archive
        self._target = target
        self._settings = settings
        self._on_bytes = on_bytes
        self._stream = ZstdStream(read_input, bytes_max=CONTENTS_BYTES_MAX + OVERHEAD_BYTES)
        self._tar = TarStream(self._stream.read)
        self._members = iter(self._tar)

    async def open(self) -> Contents:
        """Return the table of contents. Raises PackError where this is no pack."""
        member = await self._next()
        if member is None or member.name != CONTENTS_NAME or member.size > CONTENTS_BYTES_MAX:
            raise PackError(
                "it is no archive that `syncd pack` wrote: it does not start with its contents"
            )
        contents = decode_contents(await asyncio.to_thread(self._tar.read, member.size))
        members = sum(1 for _ in contents.members()) + 1
        self._stream.bytes_max += contents.size + members * OVERHEAD_BYTES + END_BYTES_MAX
        return contents

    async def take_in(self, contents: Contents) -> Unpacked:
        """Hand over all that can be read, then ask the target what it holds of it.

        Raises SetbackError where the target is away or takes no key.
        """
        for run in contents.runs:
            state = _RunState()
            try:
                await self._take_run(run, state)
            except PackError as error:
                self.outcome.ending = str(error)
            await self._flush(run, state)
            if self.outcome.ending:
                break
        for run in contents.runs:
            try:
                held = await self._target.contents(self._run(run))
            except SetbackError as error:
                self._note(str(run), error)
                held = None
            self._compare(run, held)
            if held is not None:
                self.outcome.held[run] = held
        return self.outcome

    # -- members ---------------------------------------------------------------------------------

    async def _take_run(self, run: PackedRun, state: _RunState) -> None:
        for log in run.logs:
            if log.cuts:
                await self._expect(f"{run}/{log.member}", log.end - log.start)
            try:
                await self._take_log(run, log, state)
            except SetbackError as error:
                self._note(f"{run}/{log.name}", error)
        for file in run.files:
            await self._expect(f"{run}/{file.path}", file.size)
            try:
                await self._take_file(run, file, state)
            except SetbackError as error:
                self._note(f"{run}/{file.path}", error)

    async def _next(self) -> Member | None:
        return await asyncio.to_thread(next, self._members, None)

    async def _expect(self, name: str, size: int) -> None:
        """Go to the next member, which must be this one. Raises PackError."""
        member = await self._next()
        if member is None:
            raise PackError(f"it ends before {name}")
        if member != (name, size):
            raise PackError(
                f"it has {member.name!r} of {member.size} bytes where its contents name {name!r} of "
                f"{size}"
            )

    async def _read(self, size: int) -> bytes:
        data = await asyncio.to_thread(self._tar.read, size)
        self._on_bytes(len(data))
        return data

    # -- logs ------------------------------------------------------------------------------------

    async def _take_log(self, run: PackedRun, log: PackedLog, state: _RunState) -> None:
        name, offset, sha256 = await self._find(run, log)
        if offset < log.start:
            state.has_gap = True
            self.outcome.faults[f"{run}/{log.name}"] = (
                f"{offset} bytes are held, the pack starts at {log.start}: {GAP}"
            )
            return
        state.is_ahead = state.is_ahead or offset > log.end
        if (offset, sha256) == (log.end, log.sha256):
            return
        for start, end in log.pieces():
            data = await self._read(end - start)
            piece = Piece(bytes.fromhex(log.log_id), start, data, log.damage_in(start, end))
            await self._target.append(self._run(run), name, piece)

    async def _find(self, run: PackedRun, log: PackedLog) -> tuple[str, int, str]:
        """Return under which name the target has a log or will, how far it holds it, and its SHA-256."""
        for name in (log.name, _twin_name(log)):
            held = await self._target.held_log(self._run(run), name)
            if held is None:
                return name, 0, ""
            if held.log_id.hex() == log.log_id:
                return name, held.offset, held.sha256.hex()
        raise park(f"the target holds other logs as {log.name} and {_twin_name(log)}")

    # -- files -----------------------------------------------------------------------------------

    async def _take_file(self, run: PackedRun, file: FileEntry, state: _RunState) -> None:
        if state.has_gap:
            self.outcome.faults[f"{run}/{file.path}"] = GAP
            return
        if state.wanted is None:
            state.wanted = await self._missing(run, state)
        if file.path not in state.wanted:
            return
        if file.size > self._settings.small_file_bytes_max:
            await self._take_large(run, file)
            return
        data = await self._read(file.size)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise park(OTHER_BYTES)
        state.batch.append(SmallFile(file.path, file.sha256, data))
        is_full = len(state.batch) >= self._settings.batch_files_max
        if is_full or sum(len(each.data) for each in state.batch) >= self._settings.batch_bytes:
            await self._flush(run, state)

    async def _missing(self, run: PackedRun, state: _RunState) -> set[str]:
        """Return which files the target lacks, but for those of which it has a later version."""
        missing: set[str] = set()
        step = self._settings.batch_files_max
        for first in range(0, len(run.files), step):
            missing |= await self._target.missing(self._run(run), run.files[first : first + step])
        if state.is_ahead:
            held = await self._target.contents(self._run(run))
            older = missing & {file.path for file in held.files} if held is not None else set()
            self.outcome.older |= {f"{run}/{path}" for path in older}
            missing -= older
        return missing

    async def _flush(self, run: PackedRun, state: _RunState) -> None:
        batch, state.batch = state.batch, []
        await self._put(run, batch)

    async def _put(self, run: PackedRun, batch: Sequence[SmallFile]) -> None:
        """Store small files; of a body that is refused, all but those that cannot be stored."""
        if not batch:
            return
        try:
            await self._target.put_batch(self._run(run), batch)
        except SetbackError as error:
            if len(batch) == 1 or error.setback.course is not Course.PARK:
                self._note(f"{run}/{batch[0].path}", error)
                return
            half = len(batch) // 2
            await self._put(run, batch[:half])
            await self._put(run, batch[half:])

    async def _take_large(self, run: PackedRun, file: FileEntry) -> None:
        held = min(await self._target.held_file(self._run(run), file), file.size)
        # A few bytes of an archive can be a terabyte of zeros: it is refused before it fills the disk.
        if self._room is not None and file.size - held > self._room():
            raise park(f"it needs {file.size - held} bytes, and there is room for {self._room()}")
        digest = hashlib.sha256()
        await asyncio.to_thread(self._skip, held, digest)
        is_whole = False
        while not is_whole:
            data = await self._read(min(self._settings.piece_bytes, file.size - held))
            digest.update(data)
            is_wrong = held + len(data) == file.size and digest.hexdigest() != file.sha256
            try:
                held = await self._target.put_piece(self._run(run), file, held, data)
            except SetbackError as error:
                # The last piece goes there all the same: so the target throws the others away.
                if is_wrong:
                    raise park(OTHER_BYTES) from error
                raise
            is_whole = held >= file.size

    def _skip(self, size: int, digest: "hashlib._Hash") -> None:
        """Pass over what the target has of a file; its digest counts all the same."""
        while size:
            data = self._tar.read(min(size, SKIP_BYTES))
            digest.update(data)
            size -= len(data)

    # -- what came of it -------------------------------------------------------------------------

    def _run(self, run: PackedRun) -> Run:
        return Run(self._archive, run.project, run.run)

    def _note(self, name: str, error: SetbackError) -> None:
        """Keep why one thing was not taken; a target that is away, or takes no key, ends all."""
        course, reason = error.setback.course, error.setback.reason
        if course in (Course.OUTAGE, Course.REFUSED):
            raise error
        self.outcome.faults[name] = reason if course is Course.PARK else f"{reason}; unpack it again"

    def _compare(self, run: PackedRun, held: RunContents | None) -> None:
        """Find what the target does not hold, by its own word."""
        logs = {log.log_id: log for log in held.logs} if held is not None else {}
        for log in run.logs:
            there = logs.get(log.log_id)
            if there is None or there.size < log.end:
                size = there.size if there is not None else 0
                reason = f"{size} of {log.end} bytes arrived" if size else NOT_ARRIVED
                self.outcome.faults.setdefault(f"{run}/{log.name}", reason)
            elif there.size == log.end and there.sha256 != log.sha256:
                reason = f"SHA-256 {log.sha256} in the pack, {there.sha256} at the target"
                self.outcome.faults.setdefault(f"{run}/{log.name}", reason)
        files = {file.path: (file.size, file.sha256) for file in held.files} if held is not None else {}
        for file in run.files:
            name = f"{run}/{file.path}"
            if files.get(file.path) != (file.size, file.sha256) and name not in self.outcome.older:
                self.outcome.faults.setdefault(name, NOT_ARRIVED)


def _twin_name(log: PackedLog) -> str:
    name = LogName.parse(log.name)
    assert name is not None  # noqa: S101 - the table of contents was checked
    return str(name._replace(twin=log.log_id[:8]))
