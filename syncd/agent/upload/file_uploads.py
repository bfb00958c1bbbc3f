"""Upload the files that ledgers name: small ones many at once, a large one a piece at a time.

A file travels only while its bytes are those of its entry.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Sequence

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.home import digest_file, ledger_at_home
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError, park
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.task import Run, Task
from tidelog.syncd.agent.upload.done import Done, file_task
from tidelog.syncd.agent.upload.home import Home
from tidelog.syncd.agent.upload.ledger import fault_of
from tidelog.syncd.agent.upload.state import State
from tidelog.syncd.bodies import FileEntry, SmallFile

FILES_MAX = 1024


class FileUploads:
    """The files that are uploaded to one target; calls may overlap for different tasks.

    `is_set_aside` tells of a file's task that it is not to be sent now.
    """

    def __init__(
        self,
        target: Target,
        state: State,
        *,
        disk: Disk,
        settings: AgentSettings,
        is_set_aside: Callable[[Task], bool],
        home: Home,
    ) -> None:
        self._target = target
        self._state = state
        self._disk = disk
        self._settings = settings
        self._is_set_aside = is_set_aside
        self._home = home
        self._held_files: OrderedDict[Task, tuple[FileEntry, int]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<FileUploads to {self._target.name}, {len(self._held_files)} under way>"

    def forget(self, task: Task) -> None:
        """Ask the target again with the next try: this one failed."""
        self._held_files.pop(task, None)

    # -- small files -----------------------------------------------------------------------------

    async def upload_small(self, task: Task) -> Done:
        """Send as many small files of a run as fit into one body."""
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
            data, fault = await self._home.ask(task, self._read_file, run, entry)
            if fault is None:
                files.append(SmallFile(entry.path, entry.sha256, data))
            elif (newer := await self._home.ask(task, self._newer, run, entry)) is not None:
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

    async def upload_large(self, task: Task) -> Done:
        """Send the next piece of a large file."""
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
            fault = await self._home.ask(task, self._check_large, run, entry)
            if fault is not None:
                newer = await self._home.ask(task, self._newer, run, entry)
                if newer is None:
                    raise park(fault)
                self._state.queue(self._target.name, run, [newer])
                done = self._deliver(task, entry, 0)
                done.entries = [newer]
                return done
            known = (entry, await self._target.held_file(run, entry))
        offset = min(known[1], entry.size)
        data = await self._home.ask(task, self._read_piece, run, entry, offset)
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
