"""Says what the index is to hold of a run now, given what it held: looks, and judges by the clock."""

from typing import NamedTuple

import msgspec

from tidelog.datastore.clock import Clock
from tidelog.syncd.hub.read.entry import Entry, Known
from tidelog.syncd.hub.read.look import Look, last_written
from tidelog.syncd.hub.read.paced_disk import Pause, no_pause
from tidelog.syncd.hub.read.run_state import state_of
from tidelog.syncd.hub.web.address import RunAddress


class Arrived(NamedTuple):
    """What is to be looked at of a run: whether files came, and how often something did; 0 is a scan."""

    was_file: bool
    number: int = 0


SCANNED = Arrived(was_file=False)


class Appraisal:
    """Appraises the runs of one data folder."""

    def __init__(self, look: Look, *, clock: Clock, silence_s: float) -> None:
        self._look = look
        self._clock = clock
        self._silence_s = silence_s

    def known(
        self, run: RunAddress, before: Entry | None, arrived: Arrived, *, pause: Pause = no_pause
    ) -> Known | Entry | None:
        """Return what is known of a run now: `before` where nothing is new, None where it is gone.

        Raises OSError where its folder cannot be read, TakesLongError as `pause` does.
        """
        sizes = self._look.sizes(run)
        if not sizes:
            return None
        is_same = before is not None and before.logs == sizes
        if before is not None and is_same and not arrived.was_file:
            return before
        now, files = self._clock.now(), self._look.files(run)
        # What came by other ways than the hub's was written when its file was.
        heard = now if arrived.number else min(now, last_written(sizes))
        if before is None or not is_same:
            known = self._look.known(run, sizes, files, heard=heard, pause=pause)
            return msgspec.structs.replace(known, entry=self.judged(known.entry))
        if files == (before.files, before.files_bytes):
            return before
        grown = msgspec.structs.replace(before, files=files[0], files_bytes=files[1], heard=heard)
        return self.judged(grown)

    def unread(self, run: RunAddress, before: Entry | None, arrived: Arrived) -> Known | Entry | None:
        """Return what is known of a run that is to be read still: sizes, files, and that it lives.

        What was known of it stays.
        """
        sizes = self._look.sizes(run)
        if not sizes:
            return None
        now, files = self._clock.now(), self._look.files(run)
        heard = now if arrived.number else min(now, last_written(sizes))
        logs = tuple(size.unread() for size in sizes)
        if before is None:
            known = self._look.unread(run, logs, files, heard=heard)
            return msgspec.structs.replace(known, entry=self.judged(known.entry))
        grown = msgspec.structs.replace(
            before, logs=logs, files=files[0], files_bytes=files[1], heard=max(heard, before.heard)
        )
        return self.judged(grown)

    def judged(self, entry: Entry, *, since: float | None = None) -> Entry:
        """Return the entry with its state now; `since` is when it was heard, if not when it says."""
        state = state_of(
            ended=entry.ended,
            silent_s=self._clock.now() - (entry.heard if since is None else since),
            patience_s=self._silence_s,
        )
        return entry if state == entry.state else msgspec.structs.replace(entry, state=state)
