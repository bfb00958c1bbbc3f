"""A call on a disk that may not answer: made on a thread of its own, and waited for only so long."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

DISK_PATIENCE_S = 2.0
"""How long the end of a run waits for a disk that may not answer, for what is no part of its log."""


def answer_within(patience_s: float, call: Callable[[], T]) -> T:
    """Return what `call` returns, or raise what it raises.

    TimeoutError, which is an OSError, where it has not returned in time: then it goes on, on its thread,
    and what becomes of it nobody hears. Where no thread can be started it is called here.
    """
    found: list[Any] = []

    def work() -> None:
        try:
            found.append((call(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for.
            found.append((None, error))

    thread = threading.Thread(target=work, name="tidelog-patience", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return call()
    thread.join(patience_s)
    if not found:
        raise TimeoutError(f"the disk has not answered for {patience_s:g} s")
    answer, error = found[0]
    if error is not None:
        raise error
    return answer  # type: ignore[no-any-return]
