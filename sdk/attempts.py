"""Calls that training code makes of us: nothing that goes wrong in one of them leaves it.

Where a signal handler comes in the middle of one of them, the call is made as soon as that is over.
"""

from collections.abc import Callable

from tidelog.datastore.errors import WriterBusyError, WriterClosedError
from tidelog.sdk.deferred import Deferred
from tidelog.sdk.notices import Notices


class Attempts:
    """Makes the calls of one run; each kind of failure is told once, and training goes on."""

    def __init__(self, run_name: str, *, notices: Notices) -> None:
        self._run_name = run_name
        self._notices = notices
        self._deferred = Deferred()

    def make(self, where: str, call: Callable[[], object]) -> None:
        """Make a call; later, where a signal handler makes it in the middle of another one."""
        try:
            call()
        except WriterBusyError:
            self.put_off(where, call)
        except Exception as error:  # noqa: BLE001 - nothing of ours ends anybody's training.
            self.tell_failure(where, error)

    def put_off(self, where: str, call: Callable[[], object]) -> None:
        """Make a call in a thread of its own, behind those that were put off before."""
        try:
            self._deferred.put_off(lambda: self.make(where, call))
        except RuntimeError as error:  # The interpreter is at its end.
            self.tell_failure(where, error)

    def tell_failure(self, where: str, error: Exception) -> None:
        """Tell once that something was not recorded."""
        if isinstance(error, WriterClosedError):
            self.tell_closed(where)
            return
        self._notices.tell(
            f"{where} failed",
            f"{where} could not record something ({type(error).__name__}: {error}); training goes on",
        )

    def tell_closed(self, where: str) -> None:
        """Tell once that the run is over."""
        self._notices.tell(
            "finished",
            f"{where} after finish() of run {self._run_name}: nothing more is recorded in it; call "
            "sdk.init() to begin another run",
        )

    def renew(self) -> None:
        """Forget, in a forked child, the lock that a thread of the parent may hold."""
        self._deferred = Deferred()
