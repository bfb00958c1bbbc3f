"""What is remembered between two looks."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from tidelog.syncd.agent.watch.seen import LogStatus, SeenFolder, SeenLog, mtime_ns_of, sleeping

TIMES_NS = st.integers(-(10**9), 2**63 - 1)
STATUSES = st.builds(LogStatus, st.text(max_size=9), st.integers(0, 2**40), TIMES_NS)


def is_due(seen: SeenFolder, mtime_ns: int, now: float, *, is_old: bool = False) -> bool:
    return seen.is_due(mtime_ns, now, is_old=is_old, settle_s=2.0)


def test_a_folder_is_listed_until_it_kept_its_time_for_a_while() -> None:
    """What appears right after a listing may leave a coarse time as it is."""
    seen = SeenFolder()
    assert [True, True, True, False] == [is_due(seen, 7, now) for now in (0.0, 1.9, 2.0, 2.1)]


def test_a_folder_with_another_time_is_due_be_it_earlier_or_later() -> None:
    """A server's clock may go back."""
    seen = SeenFolder()
    for mtime_ns in (7, 9, 3):
        assert is_due(seen, mtime_ns, 0.0)
        assert is_due(seen, mtime_ns, 5.0)
        assert not is_due(seen, mtime_ns, 5.0)


def test_an_old_folder_is_settled_at_once() -> None:
    """A hundred thousand of them need not be listed twice at every start."""
    seen = SeenFolder()
    assert [True, False] == [is_due(seen, 7, now, is_old=True) for now in (0.0, 0.1)]


def test_a_folder_that_could_not_be_listed_is_due_again() -> None:
    """Though its time stays."""
    seen = SeenFolder()
    is_due(seen, 7, 0.0, is_old=True)
    seen.forget()
    assert is_due(seen, 7, 0.1, is_old=True)


def test_a_log_is_live_up_to_a_moment() -> None:
    """That is the whole rule; the moment moves when the log grows."""
    log = SeenLog(LogStatus("main.0001.tlog", 5, 7), live_until=3.0)
    assert (True, False) == (log.is_live(2.9), log.is_live(3.0))


@given(TIMES_NS, st.lists(STATUSES))
def test_a_sleeping_run_is_one_small_number(mtime_ns: int, logs: list[LogStatus]) -> None:
    """It gives back the folder's time, and the order of the logs is all one."""
    memory = sleeping(mtime_ns, logs)
    assert mtime_ns == mtime_ns_of(memory)
    assert memory == sleeping(mtime_ns, reversed(logs))
    assert 48 >= sys.getsizeof(memory)


def test_a_change_of_any_log_changes_the_number() -> None:
    """Its size, its time, its name, and whether it is there."""
    log = LogStatus("main.0001.tlog", 5, 7)
    others = [[log._replace(size=6)], [log._replace(mtime_ns=8)], [log._replace(name="b.0001.tlog")], []]
    assert 5 == len({sleeping(1, logs) for logs in [[log], *others]})
