"""Carry out one task of the planner, and say of every failure what follows from it.

Never decides what goes next and never waits before another try: the rooms of `plan` do.
"""

import asyncio
from collections.abc import Callable

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError
from tidelog.syncd.agent.home import is_deleted
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError, park
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.task import LARGE_FILE, LOG, Task
from tidelog.syncd.agent.upload.done import Done
from tidelog.syncd.agent.upload.file_uploads import FileUploads
from tidelog.syncd.agent.upload.log_uploads import LogUploads
from tidelog.syncd.agent.upload.state import State
from tidelog.syncd.agent.upload.tables import StateWriteError
from tidelog.syncd.errors import SyncdError


class RunGoneError(SyncdError):
    """The run of a task was deleted here: nothing of it can be sent any more."""


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
        self._disk = disk
        self._logs = LogUploads(target, state, disk=disk, settings=settings)
        self._files = FileUploads(target, state, disk=disk, settings=settings, is_set_aside=is_set_aside)

    def __repr__(self) -> str:
        return f"<Uploader: {self._logs!r}, {self._files!r}>"

    def doubt(self, task: Task) -> None:
        """Let the next try ask whether the target still holds what it had acknowledged of a log."""
        self._logs.doubt(task)

    async def upload(self, task: Task) -> Done:
        """Send the next piece of a task.

        Raises SetbackError where nothing was acknowledged, RunGoneError where nothing ever will be.
        """
        try:
            return await self._carry_out(task)
        except DatastoreError as error:
            self._forget(task)
            raise park(str(error)) from error
        except StateWriteError as error:
            self._forget(task)
            raise SetbackError(Setback(Course.AGAIN, str(error))) from error
        except OSError as error:
            self._forget(task)
            if await asyncio.to_thread(is_deleted, task.run, self._disk):
                raise RunGoneError(f"{task.run.path} is there no more") from error
            reason = f"it cannot be read here: {error.strerror or error}"
            if task.kind == LOG and isinstance(error, FileNotFoundError):
                reason = "it is gone before the target had all of it: put it back, or mount its disk"
            raise SetbackError(Setback(Course.AGAIN, reason)) from error
        except BaseException:
            self._forget(task)
            raise

    async def _carry_out(self, task: Task) -> Done:
        if task.kind == LOG:
            return await self._logs.upload(task)
        if task.kind == LARGE_FILE:
            return await self._files.upload_large(task)
        return await self._files.upload_small(task)

    def _forget(self, task: Task) -> None:
        """After an error the target is asked again."""
        self._logs.forget(task)
        self._files.forget(task)
