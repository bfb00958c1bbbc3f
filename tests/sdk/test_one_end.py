"""One thread makes the end, the others wait for it."""

import contextlib
import threading
from collections.abc import Callable

from tidelog.sdk.one_end import OneEnd


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_the_first_to_come_makes_the_end() -> None:
    """Whoever comes later is told that it is begun."""
    end = OneEnd()
    assert (False, True, False, True) == (end.is_begun, end.begin(), end.begin(), end.is_begun)


def test_others_wait_until_it_is_made() -> None:
    """And no longer."""
    end, is_made_here, may_end, waited = OneEnd(), *(threading.Event() for _ in range(3))

    def make() -> None:
        end.begin()
        with end.made_here():
            is_made_here.set()
            may_end.wait(30)

    def wait() -> None:
        end.wait()
        waited.set()

    making = in_thread(make)
    assert is_made_here.wait(30)
    in_thread(wait)
    assert not waited.is_set()
    may_end.set()
    assert waited.wait(30)
    making.join(30)
    end.wait()


def test_nobody_waits_for_a_thread_that_is_gone_or_for_himself() -> None:
    """A thread that died before it made the end makes it no more."""
    end = OneEnd()
    in_thread(end.begin).join(30)
    end.wait()
    with end.made_here():
        end.wait()


def test_an_end_that_fails_is_over_as_well() -> None:
    """Nobody waits for what will not come."""
    end, is_over = OneEnd(), threading.Event()

    def make() -> None:
        with contextlib.suppress(OSError), end.made_here():
            raise OSError(28, "No space left on device")
        is_over.set()
        threading.Event().wait()

    in_thread(make)
    assert is_over.wait(30)
    end.wait()
