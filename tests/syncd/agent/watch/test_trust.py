"""Where events are trusted: where they were seen to come."""

from tidelog.syncd.agent.watch.trust import Trust

DISK, OTHER = 1, 2


def trust() -> Trust:
    return Trust(patience_s=1.0)


def test_nothing_is_trusted_before_an_event_came_for_a_change() -> None:
    """A change and its event prove the device of both."""
    found = trust()
    assert not found.is_proven(DISK)
    found.heard(["/a"])
    assert [] == found.judge([("/a", DISK)], 0.0)
    assert (True, False) == (found.is_proven(DISK), found.is_proven(OTHER))


def test_an_event_alone_proves_nothing() -> None:
    """Nor does a change alone, however long it is waited for."""
    found = trust()
    found.heard(["/a"])
    found.judge([], 0.0)
    assert not found.is_proven(DISK)
    found = trust()
    assert [] == found.judge([("/a", DISK)], 0.0)
    assert [] == found.judge([], 99.0)
    assert not found.is_proven(DISK)


def test_an_event_may_come_a_little_later_than_the_change_was_seen() -> None:
    """The two ways do not wait for each other."""
    found = trust()
    found.judge([("/a", DISK)], 0.0)
    found.heard(["/a"])
    assert [] == found.judge([], 0.9)
    assert found.is_proven(DISK)


def proven() -> Trust:
    found = trust()
    found.heard(["/a"])
    found.judge([("/a", DISK)], 0.0)
    return found


def test_a_change_without_an_event_ends_the_trust_for_ever_and_is_told_once() -> None:
    """Somebody changes this device whom the kernel does not see."""
    found = proven()
    assert [] == found.judge([("/a", DISK)], 5.0)
    assert found.is_proven(DISK)
    assert [DISK] == found.judge([], 6.1)
    assert not found.is_proven(DISK)
    found.heard(["/a"])
    assert [] == found.judge([("/a", DISK)], 7.0)
    assert not found.is_proven(DISK)
    assert [] == found.judge([("/a", DISK)], 9.0)
    assert [] == found.judge([], 11.0)


def test_no_event_is_awaited_after_an_overflow_or_without_a_watch() -> None:
    """Who tells of the overflow tells the truth."""
    found = proven()
    found.judge([("/a", DISK), ("/b", DISK)], 5.0)
    found.excuse()
    assert [] == found.judge([("/b", DISK)], 7.0)
    found.forget(["/b"])
    assert [] == found.judge([], 9.0)
    assert found.is_proven(DISK)


def test_a_device_that_is_away_is_forgotten() -> None:
    """Its number may come to mean another one."""
    found = proven()
    found.keep({OTHER})
    assert not found.is_proven(DISK)
