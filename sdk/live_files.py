"""Files saved with policy "live" or "end": copied again when they change, and for good at the end."""

import contextlib
import threading

from tidelog.datastore.clock import Clock
from tidelog.datastore.errors import WriterBusyError, WriterClosedError
from tidelog.sdk.matches import anchored
from tidelog.sdk.notices import Notices
from tidelog.sdk.saving import FileSaver

INTERVAL_S = 3.0
LOOKING_SHARE = 0.02
"""At most this share of the time is spent on looking for changes, however large the folders are."""

Kept = tuple[str, str | None]


class LiveFiles:
    """Looks at live files every few seconds while the run goes on; `stop` copies what is new since."""

    def __init__(
        self,
        files: FileSaver,
        *,
        notices: Notices,
        clock: Clock | None = None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._files = files
        self._notices = notices
        self._clock = clock or Clock()
        self._interval_s = interval_s
        self._live: dict[Kept, None] = {}
        self._at_end: dict[Kept, None] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def keep(self, pattern: str, base_path: str | None, *, policy: str) -> None:
        """Look at a pattern from now on, for "live"; for "end" when the run ends."""
        kept = anchored(pattern, base_path)
        if policy == "end":
            self._at_end[kept] = None
            return
        self._live[kept] = None
        if self._thread is None:
            self._thread = threading.Thread(target=self._look_on, name="tidelog-live", daemon=True)
            with contextlib.suppress(RuntimeError):  # No thread is to be had: then only at the end.
                self._thread.start()

    def stop(self) -> None:
        """End the looking, and bring every file into the run as it is now."""
        self._stopping.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()  # It may be in the middle of a copy, which is then not made twice.
        self._look(is_last=True)

    def _look_on(self) -> None:
        pause_s = self._interval_s
        while not self._stopping.wait(pause_s):
            began = self._clock.monotonic()
            copied = self._look(is_last=False)
            took_s = self._clock.monotonic() - began
            # Time that went into copies is bounded for each file.
            pause_s = self._interval_s if copied else max(self._interval_s, took_s / LOOKING_SHARE)

    def _look(self, *, is_last: bool) -> int:
        kept = [("live", each) for each in list(self._live)]
        if is_last:
            kept += [("end", each) for each in self._at_end]
        return sum(self._refresh(*each, policy=policy, is_last=is_last) for policy, each in kept)

    def _refresh(self, pattern: str, base_path: str | None, *, policy: str, is_last: bool) -> int:
        try:
            return self._files.refresh(pattern, base_path=base_path, policy=policy, is_last=is_last)
        except (WriterBusyError, WriterClosedError):
            return 0
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            self._notices.tell("save live", f"save({pattern!r}) failed: {error!r}; training goes on")
            return 0
