"""Upload logs, a range at a time: ask the target, send what it lacks, keep what was acknowledged.

The target's own offset is the truth, and its bytes are compared before it is believed.
"""

import asyncio
import os
from collections import OrderedDict
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import NotALogError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.layout import LogName
from tidelog.datastore.scan import TornTail
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError, park
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Piece, Target
from tidelog.syncd.agent.task import Task
from tidelog.syncd.agent.upload.cursor import Cursor
from tidelog.syncd.agent.upload.done import Done
from tidelog.syncd.agent.upload.home import Home
from tidelog.syncd.agent.upload.ranges import LogRange
from tidelog.syncd.agent.upload.source import LogSource, refuse_what_was_cut
from tidelog.syncd.agent.upload.state import State

SOURCES_MAX = 1024


class Ahead(NamedTuple):
    """A range that was found behind a cursor while the one before it travelled, ready to travel.

    `size_bytes` is that of the log before it was looked at.
    """

    cursor: Cursor
    found: LogRange
    piece: Piece
    size_bytes: int


class LogUploads:
    """The logs that are uploaded to one target; calls may overlap for different logs."""

    def __init__(
        self, target: Target, state: State, *, disk: Disk, settings: AgentSettings, home: Home
    ) -> None:
        self._target = target
        self._state = state
        self._disk = disk
        self._settings = settings
        self._home = home
        self._sources: OrderedDict[Task, LogSource] = OrderedDict()
        self._ahead: dict[Task, Ahead] = {}
        self._doubted: set[Task] = set()
        self._begun_anew: set[Task] = set()
        self._lost: set[Task] = set()

    def __repr__(self) -> str:
        return f"<LogUploads to {self._target.name}, {len(self._sources)} open>"

    def doubt(self, task: Task) -> None:
        """Let the next try ask whether the target still holds what it had acknowledged of a log."""
        self._doubted.add(task)

    def start_over(self, task: Task) -> None:
        """Let the next try begin at the log's start: what is held is compared, its files are queued."""
        self._begun_anew.add(task)

    def forget(self, task: Task) -> None:
        """Ask the target again with the next try: this one failed."""
        self._ahead.pop(task, None)
        source = self._sources.get(task)
        if source is not None:
            source.held = None

    async def upload(self, task: Task) -> Done:
        """Send the next range of a log. Raises SetbackError where nothing was acknowledged."""
        if task in self._begun_anew:
            self._begin_anew(task)
        if task in self._doubted:
            return await self._ask_again(task)
        source = await self._open(task)
        if source is None:
            return await self._pass_over_beginning(task)
        cursor = self._cursor(task, source)
        ahead = self._take_ahead(task, source, cursor)
        found = ahead.found if ahead else await self._home.ask(task, source.next_range, cursor)
        if source.held is None:
            if found.after == cursor and 0 < cursor.offset <= source.size_bytes:
                return Done(is_final=cursor.is_final, offset=cursor.offset, tail=found.tail)
            asked = await self._ask(source, cursor)
            if asked != cursor:
                if asked.twin == cursor.twin:
                    self._lost.add(task)
                cursor, ahead = asked, None
                found = await self._home.ask(task, source.next_range, cursor)
        held = source.held or 0
        start = max(found.start, held)
        if found.end > start:
            held = await self._send(source, found, start, ahead)
        if held < found.end:
            message = f"the target holds {held} bytes of {task}, although it took {found.end}"
            raise SetbackError(Setback(Course.ASK, message))
        return self._acknowledge(task, cursor, found, start)

    async def _open(self, task: Task) -> LogSource | None:
        """Return the log at home, None where it has no whole header yet."""
        source = self._sources.get(task)
        if source is not None:
            self._sources.move_to_end(task)
            if await self._home.ask(task, source.is_still_there):
                return source
        try:
            source = await self._home.ask(task, self._source, task)
        except NotALogError:
            return None
        self._remember(task, source)
        return source

    def _source(self, task: Task) -> LogSource:
        return LogSource(task, disk=self._disk, settings=self._settings)

    async def _send(self, source: LogSource, found: LogRange, start: int, ahead: Ahead | None) -> int:
        """Append to the log at the target, and return how far that holds it."""
        prepared = ahead.piece if ahead else None
        # While the target checks these bytes, this machine looks at the next ones.
        looking_ahead = asyncio.ensure_future(self._look_ahead(source, found))
        try:
            held = await self._append(source, found, start, prepared)
        except BaseException:
            looking_ahead.cancel()
            raise
        await looking_ahead
        # Behind these bytes another agent may have put some that nobody compared with ours.
        source.held = held if held <= found.end else None
        return held

    def _acknowledge(self, task: Task, cursor: Cursor, found: LogRange, start: int) -> Done:
        """Keep that a range is held, and return what that comes to."""
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

    # -- what the target holds -------------------------------------------------------------------

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
            cursor = self._begin_anew(task)
        self._doubted.discard(task)
        path = os.path.join(task.run.path, task.name)
        offset = 0 if cursor is None else cursor.offset
        return Done(has_more=await self._home.ask(task, self._disk.is_file, path), offset=offset)

    def _begin_anew(self, task: Task) -> Cursor | None:
        """Forget what was acknowledged of a log, and return the cursor that is left."""
        self.forget(task)
        cursor = self._state.cursor(self._target.name, task)
        if cursor is not None:
            cursor = cursor._replace(offset=0, seq=0, is_final=False)
            self._state.advance(self._target.name, task, cursor, [])
        self._begun_anew.discard(task)
        return cursor

    async def _pass_over_beginning(self, task: Task) -> Done:
        """A file shorter than a header is a log that has just been made, or one torn at its start."""
        path = os.path.join(task.run.path, task.name)
        size = (await self._home.ask(task, self._disk.stat, path)).st_size
        if size >= FILE_HEADER_BYTES:
            raise park(f"{task.name} is not a log: it neither starts like one nor holds a chunk")
        cursor = self._state.cursor(self._target.name, task)
        if cursor is not None:
            refuse_what_was_cut(task.name, cursor.offset, size)
        return Done(tail=TornTail(task.name, 0, size) if size else None)

    def _cursor(self, task: Task, source: LogSource) -> Cursor:
        """Return the cursor of this very log; another life of its name starts from nothing."""
        cursor = self._state.cursor(self._target.name, task)
        if cursor is None or cursor.log_id == source.log_id.hex():
            return cursor or Cursor(source.log_id.hex())
        if cursor.offset and source.was_once(bytes.fromhex(cursor.log_id)):
            raise _header_damaged(task.name, cursor.offset)
        return Cursor(source.log_id.hex())

    async def _ask(self, source: LogSource, cursor: Cursor) -> Cursor:
        """Ask the target how far it holds this log, and compare its bytes with ours."""
        run, name = source.task.run, source.task.name
        held = await self._target.held_log(run, cursor.twin or name)
        if held is not None and source.was_once(held.log_id):
            raise _header_damaged(name, held.offset)
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
            ours = await self._home.ask(source.task, source.sha256_up_to, held.offset)
            if ours is None:
                if cursor.offset > source.size_bytes:
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

    async def _look_ahead(self, source: LogSource, found: LogRange) -> None:
        """Find the range behind `found`, unless as many are kept as uploads may run at a time."""
        if found.is_last or len(self._ahead) >= self._settings.tasks_max:
            return
        ahead = await self._home.ask(source.task, source.next_range, found.after)
        size_bytes = source.size_bytes
        piece = await self._target.prepare(_piece(source, ahead, ahead.start))
        self._ahead[source.task] = Ahead(found.after, ahead, piece, size_bytes)

    def _take_ahead(self, task: Task, source: LogSource, cursor: Cursor) -> Ahead | None:
        """Return what was found behind this cursor, None where nobody looked there."""
        ahead = self._ahead.pop(task, None)
        if ahead is None or ahead.cursor != cursor:
            return None
        # The last range may have grown meanwhile.
        has_grown = ahead.found.is_last and source.size_bytes != ahead.size_bytes
        return None if has_grown else ahead

    def _remember(self, task: Task, source: LogSource) -> None:
        self._sources[task] = source
        while len(self._sources) > SOURCES_MAX:
            self._sources.popitem(last=False)


def _piece(source: LogSource, found: LogRange, start: int) -> Piece:
    return Piece(source.log_id, start, found.data_from(start), found.damage_from(start))


def _header_damaged(name: str, offset: int) -> SetbackError:
    """Return the error for a log that would go by another id now: its rows would be there twice."""
    return park(
        f"the header of {name} was damaged here after {offset} bytes of it were uploaded: "
        "compare the two with `syncd verify`"
    )


def _twin_name(name: str, log_id: bytes) -> str:
    parsed = LogName.parse(name)
    if parsed is None:
        raise park(f"{name} is not named like a log")
    return str(parsed._replace(twin=log_id.hex()[:8]))
