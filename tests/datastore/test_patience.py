"""Calls on a disk that may not answer."""

import os
import threading

import pytest

from tidelog.datastore.patience import answer_within


def test_an_answer_in_time_is_the_answer() -> None:
    """As if the call had been made here."""
    assert 7 == answer_within(10, lambda: 7)


def test_a_failure_in_time_is_raised() -> None:
    """The very error, of whatever kind."""
    with pytest.raises(FileNotFoundError, match="not/there"):
        answer_within(10, lambda: os.stat("/not/there"))


def test_no_answer_in_time_is_an_oserror() -> None:
    """So whoever is ready for a disk that fails is ready for one that is silent."""
    is_answered = threading.Event()
    with pytest.raises(OSError, match=r"has not answered for 0\.01 s") as caught:
        answer_within(0.01, is_answered.wait)
    is_answered.set()
    assert isinstance(caught.value, TimeoutError)


def test_without_a_thread_the_call_is_made_here() -> None:
    """At the end of the interpreter, or where there are too many threads."""
    before = threading.stack_size(2**46)
    try:
        here = answer_within(0.01, threading.current_thread)
    finally:
        threading.stack_size(before)
    assert threading.current_thread() is here
