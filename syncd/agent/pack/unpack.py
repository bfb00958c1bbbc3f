"""Takes a pack in: hands each piece of it to a target, which accepts it by the replica's own rules.

What is whole is kept, whatever comes after it. Nothing here makes a path of a member's name: the
members must be those of the table of contents, in its order, and where they go the target decides.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tidelog.datastore.layout import LogName
from tidelog.syncd.agent.pack.archive import Archive
from tidelog.syncd.agent.pack.arrival import lacking
from tidelog.syncd.agent.pack.contents import Contents, PackedLog, PackedRun, PackError
from tidelog.syncd.agent.plan.retry import Course, SetbackError, park
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Piece, Target
from tidelog.syncd.agent.target.held import RunContents
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import FileEntry, SmallFile

GAP = "what comes before it was not received: unpack the earlier pack first, then this one again"
OTHER_BYTES = "the archive has other bytes than its contents say; the file was changed, or the archive"


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
        self._name = archive
        self._target = target
        self._settings = settings
        self._archive = Archive(read_input, on_bytes=on_bytes)

    async def open(self) -> Contents:
        """Return the table of contents. Raises PackError where this is no pack."""
        return await self._archive.open()

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
            for name, reason in lacking(run, held, older=self.outcome.older).items():
                self.outcome.faults.setdefault(name, reason)
            if held is not None:
                self.outcome.held[run] = held
        return self.outcome

    # -- members ---------------------------------------------------------------------------------

    async def _take_run(self, run: PackedRun, state: _RunState) -> None:
        for log in run.logs:
            if log.cuts:
                await self._archive.expect(f"{run}/{log.member}", log.end - log.start)
            try:
                await self._take_log(run, log, state)
            except SetbackError as error:
                self._note(f"{run}/{log.name}", error)
        for file in run.files:
            await self._archive.expect(f"{run}/{file.path}", file.size)
            try:
                await self._take_file(run, file, state)
            except SetbackError as error:
                self._note(f"{run}/{file.path}", error)

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
            data = await self._archive.read(end - start)
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
        data = await self._archive.read(file.size)
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
        await self._archive.pass_over(held, digest)
        is_whole = False
        while not is_whole:
            data = await self._archive.read(min(self._settings.piece_bytes, file.size - held))
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

    # -- what came of it -------------------------------------------------------------------------

    def _run(self, run: PackedRun) -> Run:
        return Run(self._name, run.project, run.run)

    def _note(self, name: str, error: SetbackError) -> None:
        """Keep why one thing was not taken; a target that is away, or takes no key, ends all."""
        course, reason = error.setback.course, error.setback.reason
        if course in (Course.OUTAGE, Course.REFUSED):
            raise error
        self.outcome.faults[name] = reason if course is Course.PARK else f"{reason}; unpack it again"


def _twin_name(log: PackedLog) -> str:
    name = LogName.parse(log.name)
    assert name is not None  # noqa: S101 - the table of contents was checked
    return str(name._replace(twin=log.log_id[:8]))
