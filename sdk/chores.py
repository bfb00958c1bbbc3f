"""What can wait, done beside training by a thread of its own: git, run.json, starting a syncd."""

import threading
from collections.abc import Callable, Iterable

from tidelog.sdk.notices import Notices


class Chores:
    """Some calls that are made one after the other; each stands for itself, none can fail training."""

    def __init__(
        self,
        chores: Iterable[Callable[[], None]],
        *,
        afterwards: Callable[[], None],
        notices: Notices,
    ) -> None:
        """Start at once; the thread itself asks for the `chores`, and nobody waits for `afterwards`."""
        self._chores = chores
        self._afterwards = afterwards
        self._notices = notices
        self._done = threading.Event()
        # A daemon: the interpreter does not wait for it at its end.
        thread = threading.Thread(target=self._do_all, name="tidelog-chores", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # No thread is to be had: the run is as whole without its chores.
            self._done.set()

    def wait(self, timeout_s: float) -> bool:
        """Tell whether all is done, after waiting for it for a while."""
        return self._done.wait(timeout_s)

    def _do_all(self) -> None:
        try:
            for chore in self._chores:
                self._do(chore)
        finally:
            self._done.set()
        self._afterwards()

    def _do(self, chore: Callable[[], None]) -> None:
        try:
            chore()
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            self._notices.tell(f"chore {chore.__name__}", f"{chore.__name__}: {error}")
