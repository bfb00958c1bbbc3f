"""How the process ends: its exit code is known to the run before the interpreter is gone.

That is so for `sys.exit(3)`, for an exception and for a `with` block. `raise SystemExit(3)` without
these two looks like a script that went well: Python calls no hook for it.

Hooks are chained, never replaced for good: what was there before is called, and put back when the
last run is finished.
"""

import atexit
import contextlib
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

INTERRUPTED = 130
FAILED = 1


class ExitWatch:
    """Learns why the process ends and calls back at its end. One per process."""

    def __init__(self, at_exit: Callable[[], None], progress: Callable[[], object]) -> None:
        self._at_exit = at_exit
        self._progress = progress
        self._code = 0
        self._reason = ""
        self._is_certain = False
        self._progress_at_code: object = None
        self._is_registered = False
        self._hooked = threading.Lock()  # Never waited for: of two threads that begin runs one hooks in.
        self._excepthook: Callable[..., Any] = sys.excepthook
        self._exit: Callable[..., Any] = sys.exit

    def start(self) -> None:
        """Hook into the ways in which a script ends; again is without effect."""
        if not self._is_registered:
            atexit.register(self._finish_at_exit)
            self._is_registered = True
        if self._hooked.acquire(blocking=False):
            self._excepthook, sys.excepthook = sys.excepthook, self._see_exception
            self._exit = sys.exit
            sys.exit = self._see_exit  # type: ignore[assignment]

    def stop(self) -> None:
        """Unhook, unless somebody hooked in after us: then ours only pass on what they get."""
        is_hooked = self._hooked.locked()
        if is_hooked and sys.excepthook == self._see_exception and sys.exit == self._see_exit:
            sys.excepthook, sys.exit = self._excepthook, self._exit
            with contextlib.suppress(RuntimeError):  # Another thread was faster.
                self._hooked.release()
        self._code, self._reason, self._is_certain = 0, "", False

    def ending(self) -> tuple[int, str]:
        """Return exit code and reason as far as they are known.

        A `sys.exit` after which the run went on was caught by somebody, and is forgotten. After an
        uncaught exception other threads may well go on: it counts.
        """
        if not self._is_certain and self._code and self._progress() != self._progress_at_code:
            return 0, ""
        return self._code, self._reason

    def _finish_at_exit(self) -> None:
        is_interrupted = self._is_certain and self._code == INTERRUPTED
        self._at_exit()
        if is_interrupted:
            _remember_interrupt()

    def _note(self, code: int, reason: str, *, is_certain: bool) -> None:
        self._code, self._reason, self._is_certain = code, reason, is_certain
        self._progress_at_code = self._progress()

    def _see_exception(
        self, kind: type[BaseException], value: BaseException, trace: TracebackType | None
    ) -> None:
        # The interpreter sets last_value; others call the hook for an exception that they caught. After
        # one at a prompt the session goes on.
        is_uncaught = getattr(sys, "last_value", None) is value
        is_prompt = hasattr(sys, "ps1") or bool(sys.flags.interactive)
        self._note(*exit_of(value), is_certain=is_uncaught and not is_prompt)
        self._excepthook(kind, value, trace)

    def _see_exit(self, status: Any = None, /) -> None:
        if threading.current_thread() is threading.main_thread():
            self._note(*exit_of(SystemExit(status)), is_certain=False)
        self._exit(status)


def _remember_interrupt() -> None:
    """Let the interpreter die by SIGINT, as it would without us, so that shells and schedulers see it.

    CPython keeps in a flag that a KeyboardInterrupt was not caught (Modules/main.c). Code that runs from
    a string clears it, as every import of a module with named tuples does; such code sets it as well.
    """
    with contextlib.suppress(KeyboardInterrupt):
        exec("raise KeyboardInterrupt")  # noqa: S102 - a constant.


def exit_of(error: BaseException | None) -> tuple[int, str]:
    """Return the exit code and the reason that an exception gives a script which it leaves."""
    if error is None:
        return 0, ""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "KeyboardInterrupt"
    if isinstance(error, SystemExit):
        code = error.code
        if code is None:
            return 0, ""
        if isinstance(code, int):
            return code, f"SystemExit({code})" if code else ""
        return FAILED, str(code)[:500]
    return FAILED, f"{type(error).__name__}: {_text(error)}"[:500]


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything.
        return ""
