"""Listens to `sys.stdout` and `sys.stderr` of this process, for any number of runs at once."""

import sys
from collections.abc import Callable, Collection
from typing import Any

from tidelog.datastore.clock import Clock
from tidelog.sdk.console.cells import Cells
from tidelog.sdk.console.gatherer import Gatherer
from tidelog.sdk.console.recorder import Recorder
from tidelog.sdk.console.tee import Keep, Tee
from tidelog.sdk.console.transcript import STREAMS


class Wrap:
    """The streams of a process while somebody records them. One per process.

    They are those that `sys` holds when the first run starts. What takes their place after that is not
    heard: in most cases it hands on to them, and a line would be recorded twice.
    """

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._gatherer = Gatherer(clock=clock, on_keeper=self._keep_by)
        self._tees: dict[str, Tee] = {}
        self._cells = Cells(self._listen_again)

    def start(self, recorder: Recorder, names: Collection[str] = STREAMS) -> list[str]:
        """Let a recorder hear some streams; return the names of those that cannot be listened to."""
        if not self._gatherer.is_heard:
            self._cells.start()
        self._gatherer.add(recorder)
        return [name for name in names if name not in self._tees and not self._listen(name)]

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of recording: a signal handler interrupted it."""
        return self._gatherer.is_busy

    def stop(self, recorder: Recorder) -> bool:
        """Record the rest for a recorder, and tell whether it could be done.

        After the last one all is as it was before the first.
        """
        is_whole = self._gatherer.remove(recorder)
        if not self._gatherer.is_heard:
            self._cells.stop()
            self._gatherer.stop()
            tees, self._tees = self._tees, {}
            for tee in tees.values():
                tee.stop()
        return is_whole

    def _listen(self, name: str) -> bool:
        stream = getattr(sys, name)
        if stream is None or (name == "stderr" and stream is sys.stdout):
            return True
        return self._tap(name, stream)

    def _tap(self, name: str, stream: Any) -> bool:
        tee = Tee(stream, self._gatherer.keeper(name))
        is_heard = tee.start()
        if is_heard:
            self._tees[name] = tee
        return is_heard

    def _listen_again(self) -> None:
        """Stand in for what IPython put in the place of our `write` for the cell that begins."""
        for name, tee in list(self._tees.items()):
            if not tee.is_in_place:
                tee.stop()
                self._tap(name, tee.stream)

    def _keep_by(self, keeper: Callable[[str], Keep]) -> None:
        for name, tee in list(self._tees.items()):
            tee.keep_by(keeper(name))
