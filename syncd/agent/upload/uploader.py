"""Carry out one task of the planner: ask the target, send the next piece, keep what was acknowledged.

Never decides what goes next and never waits before another try; `plan.py` and `retry.py` do.
"""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError, NotALogError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.layout import LogName
from tidelog.datastore.scan import Damage, TornTail
from tidelog.syncd.agent.home import digest_file, ledger_at_home
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError, park
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Piece, Target
from tidelog.syncd.agent.task import LARGE_FILE, LOG, Run, Task
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.ledger import fault_of
from tidelog.syncd.agent.upload.ranges import LogRange
from tidelog.syncd.agent.upload.source import LogSource, refuse_what_was_cut
from tidelog.syncd.agent.upload.state import State
from tidelog.syncd.bodies import FileEntry, SmallFile

SOURCES_MAX = 1024
FILES_MAX = 1024


@dataclass(slots=True)
class Done:
    """What one try achieved, for the planner and for those who watch.

    `has_more` says that the task has more to send; `entries` are files that became known; `parked` are
    tasks (of files) that only a person can help; `delivered` the files that the target holds now; `twin`
    the log's name at the target where that differs; `has_lost` says that the target held less than it
    had acknowledged, and that it gets it again.
    """

    has_more: bool = False
    is_final: bool = False
    has_lost: bool = False
    chunks: int = 0
    offset: int = 0
    bytes_sent: int = 0
    entries: Sequence[FileEntry] = ()
    parked: dict[Task, str] = field(default_factory=dict)
    delivered: Sequence[FileEntry] = ()
    damage: Sequence[Damage] = ()
    tail: Damage | TornTail | None = None
    twin: str = ""


class Ahead(NamedTuple):
    """A range that was found behind a cursor while the one before it travelled, ready to travel.

    `size` is that of the log before it was looked at.
    """

    cursor: Cursor
    found: LogRange
    piece: Piece
    size: int


def file_task(run: Run, path: str) -> Task:
    """Return the task that stands for one file."""
    return Task(run, LARGE_FILE, path)


class Uploader:
    """Uploads to one target, one task at a time per call; calls may overlap for different tasks."""

    def __init__(
        self,
        target: Target,
        state: State,
        *,
        disk: Disk,
        settings: AgentSettings,
        is_set_aside: Callable[[Task], bool],
    ) -> None:
        self._target = target
        self._state = state
        self._disk = disk
        self._settings = settings
        self._is_set_aside = is_set_aside
        self._sources: OrderedDict[Task, LogSource] = OrderedDict()
        self._ahead: dict[Task, Ahead] = {}
        self._held_files: OrderedDict[Task, tuple[FileEntry, int]] = OrderedDict()
        self._doubted: set[Task] = set()
        self._lost: set[Task] = set()

    def doubt(self, task: Task) -> None:
        """Let the next try ask whether the target still holds what it had acknowledged of a log."""
        self._doubted.add(task)

    async def upload(self, task: Task) -> Done:
        """Send the next piece of a task. Raises SetbackError where nothing was acknowledged."""
        try:
            if task.kind == LOG:
                return await self._upload_log(task)
            if task.kind == LARGE_FILE:
                return await self._upload_large(task)
            return await self._upload_small(task)
        except SetbackError:
            self._forget(task)
            raise
        except DatastoreError as error:
            self._forget(task)
            raise park(str(error)) from error
        except OSError as error:
            self._forget(task)
            raise SetbackError(
                Setback(Course.AGAIN, f"{task} cannot be read: {error.strerror or error}")
            ) from error
        except BaseException:
            self._forget(task)
            raise

    # -- logs ------------------------------------------------------------------------------------

    async def _upload_log(self, task: Task) -> Done:
        if task in self._doubted:
            return await self._ask_again(task)
        source = self._sources.get(task)
        if source is not None:
            self._sources.move_to_end(task)
            if not await asyncio.to_thread(source.is_still_there):
                source = None
        if source is None:
            try:
                source = await asyncio.to_thread(
                    LogSource, task, disk=self._disk, settings=self._settings
                )
            except NotALogError:
                return self._pass_over_beginning(task)
            self._remember(task, source)
        cursor = self._cursor(task, source)
        ahead = self._take_ahead(task, source, cursor)
        found = ahead.found if ahead else await asyncio.to_thread(source.next_range, cursor)
        if source.held is None:
            if found.after == cursor and 0 < cursor.offset <= source.size():
                return Done(is_final=cursor.is_final, offset=cursor.offset, tail=found.tail)
            asked = await self._ask(source, cursor)
            if asked != cursor:
                if asked.twin == cursor.twin:
                    self._lost.add(task)
                cursor = asked
                found = await asyncio.to_thread(source.next_range, cursor)
        held = source.held or 0
        start = max(found.start, held)
        if found.end > start:
            prepared = ahead.piece if ahead and found is ahead.found else None
            # While the target checks these bytes, this machine looks at the next ones.
            held, _ = await asyncio.gather(
                self._append(source, found, start, prepared), self._look_ahead(task, source, found)
            )
            # Behind these bytes another agent may have put some that nobody compared with ours.
            source.held = held if held <= found.end else None
        if held < found.end:
            message = f"the target holds {held} bytes of {task}, although it took {found.end}"
            raise SetbackError(Setback(Course.ASK, message))
        # The last entry for a path counts.
        done = Done(entries=list({entry.path: entry for entry in found.entries}.values()))
        if found.after != cursor:
            self._state.advance(self._target.name, task, found.after, done.entries)
        done.has_more = not found.is_last
        done.is_final = found.after.is_final and found.is_last
        done.chunks, done.offset = found.chunks, found.end
        done.bytes_sent = max(0, found.end - start)
        done.damage, done.tail, done.twin = found.damage, found.tail, found.after.twin
        done.has_lost = task in self._lost
        self._lost.discard(task)
        if done.is_final:
            self._sources.pop(task, None)
        return done

    async def _ask_again(self, task: Task) -> Done:
        """Ask with an append of nothing whether what was acknowledged is held; else start over."""
        cursor = self._state.cursor(self._target.name, task)
        if cursor is None or not cursor.offset:
            self._doubted.discard(task)
            return Done(has_more=True)
        nothing = Piece(bytes.fromhex(cursor.log_id), cursor.offset, b"")
        try:
            await self._target.append(task.run, cursor.twin or task.name, nothing)
        except SetbackError as error:
            if error.setback.course is not Course.ASK:
                raise
            self._lost.add(task)
            self._forget(task)
            cursor = cursor._replace(offset=0, seq=0, is_final=False)
            self._state.advance(self._target.name, task, cursor, [])
        self._doubted.discard(task)
        path = os.path.join(task.run.path, task.name)
        return Done(has_more=await asyncio.to_thread(self._disk.is_file, path), offset=cursor.offset)

    def _pass_over_beginning(self, task: Task) -> Done:
        """A file shorter than a header is a log that has just been made, or one torn at its start."""
        size = self._disk.stat(os.path.join(task.run.path, task.name)).st_size
        if size >= FILE_HEADER_BYTES:
            raise park(f"{task.name} is not a log: it neither starts like one nor holds a chunk")
        cursor = self._state.cursor(self._target.name, task)
        if cursor is not None:
            refuse_what_was_cut(task.name, cursor.offset, size)
        return Done(tail=TornTail(task.name, 0, size) if size else None)

    def _cursor(self, task: Task, source: LogSource) -> Cursor:
        """Return the cursor of this very log; another life of its name starts from nothing."""
        cursor = self._state.cursor(self._target.name, task)
        if cursor is None or cursor.log_id != source.log_id.hex():
            return Cursor(source.log_id.hex())
        return cursor

    async def _ask(self, source: LogSource, cursor: Cursor) -> Cursor:
        """Ask the target how far it holds this log, and compare its bytes with ours."""
        run, name = source.task.run, source.task.name
        held = await self._target.held_log(run, cursor.twin or name)
        if held is not None and source.was_once(held.log_id):
            # As a log of its own its rows would be there twice.
            raise park(
                f"the header of {name} was damaged here after {held.offset} bytes of it were uploaded: "
                "compare the two with `syncd verify`"
            )
        if held is not None and held.log_id != source.log_id and not cursor.twin:
            cursor = cursor._replace(twin=_twin_name(name, source.log_id), offset=0, seq=0)
            held = await self._target.held_log(run, cursor.twin)
        if held is None:
            source.held = 0
        elif held.log_id != source.log_id:
            raise park(
                f"the target holds log {held.log_id.hex()} as {cursor.twin or name}, "
                f"here it is log {source.log_id.hex()}"
            )
        else:
            ours = await asyncio.to_thread(source.sha256_up_to, held.offset)
            if ours is None:
                if cursor.offset > source.size():
                    raise park(
                        f"the target holds {held.offset} bytes of {name}, here there are fewer: "
                        "the log was cut after it was uploaded"
                    )
                # Another agent is ahead, as on NFS, or on a clone: the target compares what is sent.
                source.held = cursor.offset
                return cursor
            if ours != held.sha256:
                raise park(
                    f"the first {held.offset} bytes of {name} at the target are not those here: "
                    "compare the two with `syncd verify`"
                )
            source.held = held.offset
        if source.held < cursor.offset:
            # The target lost what it had acknowledged, or is another one: start over.
            return cursor._replace(offset=0, seq=0, is_final=False)
        return cursor

    async def _append(
        self, source: LogSource, found: LogRange, start: int, prepared: Piece | None
    ) -> int:
        size = found.end - start
        if size > self._settings.append_bytes_max:
            raise park(
                f"a damaged stretch of {source.task.name} makes a range of {size} bytes; the limit is "
                f"{self._settings.append_bytes_max}"
            )
        piece = prepared
        if piece is None or piece.offset != start:
            piece = _piece(source, found, start)
        name = found.after.twin or source.task.name
        return await self._target.append(source.task.run, name, piece)

    async def _look_ahead(self, task: Task, source: LogSource, found: LogRange) -> None:
        """Find the range behind `found`, unless as many are kept as uploads may run at a time."""
        if found.is_last or len(self._ahead) >= self._settings.tasks_max:
            return
        size = source.size()
        ahead = await asyncio.to_thread(source.next_range, found.after)
        piece = await self._target.prepare(_piece(source, ahead, ahead.start))
        self._ahead[task] = Ahead(found.after, ahead, piece, size)

    def _take_ahead(self, task: Task, source: LogSource, cursor: Cursor) -> Ahead | None:
        """Return what was found behind this cursor, None where nobody looked there."""
        ahead = self._ahead.pop(task, None)
        if ahead is None or ahead.cursor != cursor:
            return None
        # The last range may have grown meanwhile.
        has_grown = ahead.found.is_last and source.size() != ahead.size
        return None if has_grown else ahead

    def _remember(self, task: Task, source: LogSource) -> None:
        self._sources[task] = source
        while len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)

    def _forget(self, task: Task) -> None:
        """After an error the target is asked again."""
        self._ahead.pop(task, None)
        source = self._sources.get(task)
        if source is not None:
            source.held = None
        self._held_files.pop(task, None)

    # -- small files -----------------------------------------------------------------------------

    async def _upload_small(self, task: Task) -> Done:
        run, settings = task.run, self._settings
        # One more than can go, to know whether there is more.
        waiting = self._state.files(
            self._target.name,
            run,
            limit=settings.batch_files_max + 1,
            is_wanted=lambda entry: self._is_small(run, entry),
        )
        tried = waiting[: settings.batch_files_max]
        faults = {file_task(run, e.path): fault for e in tried if (fault := fault_of(e))}
        asked = [entry for entry in tried if file_task(run, entry.path) not in faults]
        if not asked:
            return Done(parked=faults, has_more=len(waiting) > len(tried))
        missing = await self._target.missing(run, asked)
        done = Done(parked=faults, delivered=[e for e in asked if e.path not in missing])
        batch = _fit([e for e in asked if e.path in missing], bytes_max=settings.batch_bytes)
        files: list[SmallFile] = []
        for entry in batch:
            data, fault = await asyncio.to_thread(self._read_file, run, entry)
            if fault is None:
                files.append(SmallFile(entry.path, entry.sha256, data))
            elif (newer := await asyncio.to_thread(self._newer, run, entry)) is not None:
                done.delivered = [*done.delivered, entry]
                done.entries = [*done.entries, newer]
            else:
                done.parked[file_task(run, entry.path)] = fault
        if files:
            stored = await self._put_batch(run, files, done.parked)
            done.delivered = [*done.delivered, *(e for e in batch if e.path in stored)]
            done.bytes_sent = sum(len(file.data) for file in files if file.path in stored)
        self._state.queue(self._target.name, run, done.entries)
        self._state.delivered(self._target.name, run, done.delivered)
        if not done.delivered and not done.parked:
            raise SetbackError(Setback(Course.AGAIN, f"the target stored no file of {run}"))
        done.has_more = len(waiting) > len(done.delivered) + len(done.parked)
        return done

    async def _put_batch(
        self, run: Run, files: Sequence[SmallFile], parked: dict[Task, str]
    ) -> set[str]:
        """Store files and return their paths, less those that were refused: these go to `parked`."""
        try:
            return await self._target.put_batch(run, files)
        except SetbackError as error:
            if error.setback.course is not Course.PARK:
                raise
            if len(files) == 1:
                parked[file_task(run, files[0].path)] = error.setback.reason
                return set()
        # A body is refused as a whole: halve it until the file that cannot be stored is alone.
        half = len(files) // 2
        first = await self._put_batch(run, files[:half], parked)
        return first | await self._put_batch(run, files[half:], parked)

    def _is_small(self, run: Run, entry: FileEntry) -> bool:
        is_small = entry.size <= self._settings.small_file_bytes_max
        return is_small and not self._is_set_aside(file_task(run, entry.path))

    def _read_file(self, run: Run, entry: FileEntry) -> tuple[bytes, str | None]:
        """Return a small file's bytes, or why they cannot be sent."""
        try:
            fd = self._disk.open(os.path.join(run.path, entry.path))
        except OSError as error:
            return b"", f"{entry.path} is in the ledger, but cannot be read: {error.strerror}"
        try:
            data = self._disk.read_at(fd, 0, entry.size + 1)
        finally:
            self._disk.close(fd)
        return data, _difference(entry, len(data), hashlib.sha256(data).hexdigest())

    # -- large files -----------------------------------------------------------------------------

    async def _upload_large(self, task: Task) -> Done:
        run = task.run
        known = self._held_files.get(task)
        entry = self._state.file(self._target.name, run, task.name)
        if entry is None:
            return Done()
        if (wrong := fault_of(entry)) is not None:
            raise park(wrong)
        if known is None or known[0] != entry:
            missing = await self._target.missing(run, [entry])
            if entry.path not in missing:
                return self._deliver(task, entry, 0)
            fault = await asyncio.to_thread(self._check_large, run, entry)
            if fault is not None:
                newer = await asyncio.to_thread(self._newer, run, entry)
                if newer is None:
                    raise park(fault)
                self._state.queue(self._target.name, run, [newer])
                done = self._deliver(task, entry, 0)
                done.entries = [newer]
                return done
            known = (entry, await self._target.held_file(run, entry))
        offset = min(known[1], entry.size)
        data = await asyncio.to_thread(self._read_piece, run, entry, offset)
        held = await self._target.put_piece(run, entry, offset, data)
        if held >= entry.size:
            return self._deliver(task, entry, len(data))
        if held <= offset:
            message = f"the target holds {held} bytes of {task}, although it took {offset + len(data)}"
            raise SetbackError(Setback(Course.ASK, message))
        self._held_files[task] = (entry, held)
        while len(self._held_files) > FILES_MAX:
            self._held_files.popitem(last=False)
        return Done(has_more=True, offset=held, bytes_sent=len(data))

    def _deliver(self, task: Task, entry: FileEntry, bytes_sent: int) -> Done:
        self._held_files.pop(task, None)
        self._state.delivered(self._target.name, task.run, [entry])
        # A newer version of the file may have been queued meanwhile.
        has_more = self._state.file(self._target.name, task.run, task.name) is not None
        return Done(has_more=has_more, offset=entry.size, bytes_sent=bytes_sent, delivered=[entry])

    def _newer(self, run: Run, entry: FileEntry) -> FileEntry | None:
        """Return the later version of a file that another log of the run names, None where none does.

        Logs are read in any order, so an old entry may be met last; its bytes are gone for good reason,
        and it has taken the later one's place in the queue.
        """
        newer = ledger_at_home(run, self._disk).get(entry.path, entry)
        return None if newer == entry else newer

    def _check_large(self, run: Run, entry: FileEntry) -> str | None:
        try:
            size, sha256 = digest_file(os.path.join(run.path, entry.path), self._disk)
        except OSError as error:
            return f"{entry.path} is in the ledger, but cannot be read: {error.strerror}"
        return _difference(entry, size, sha256)

    def _read_piece(self, run: Run, entry: FileEntry, offset: int) -> bytes:
        fd = self._disk.open(os.path.join(run.path, entry.path))
        try:
            size = min(self._settings.piece_bytes, entry.size - offset)
            return self._disk.read_at(fd, offset, size)
        finally:
            self._disk.close(fd)


def _piece(source: LogSource, found: LogRange, start: int) -> Piece:
    return Piece(source.log_id, start, found.data_from(start), found.damage_from(start))


def _twin_name(name: str, log_id: bytes) -> str:
    parsed = LogName.parse(name)
    if parsed is None:
        raise park(f"{name} is not named like a log")
    return str(parsed._replace(twin=log_id.hex()[:8]))


def _difference(entry: FileEntry, size: int, sha256: str) -> str | None:
    """Say how a file on the disk differs from its entry, None where it does not."""
    if (size, sha256) == (entry.size, entry.sha256):
        return None
    found = f"more than {entry.size}" if size > entry.size else f"{size}"
    return (
        f"{entry.path} has {found} bytes and SHA-256 {sha256[:12]}..., the ledger says "
        f"{entry.size} bytes and {entry.sha256[:12]}...: it was changed after it was logged"
    )


def _fit(entries: Sequence[FileEntry], *, bytes_max: int) -> list[FileEntry]:
    """Return the first entries that fit into one body together; at least one."""
    fitting: list[FileEntry] = []
    size = 0
    for entry in entries:
        size += entry.size
        if fitting and size > bytes_max:
            break
        fitting.append(entry)
    return fitting
