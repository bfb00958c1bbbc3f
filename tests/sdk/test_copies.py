import os

import pytest

from tidelog.sdk.copies import PATIENCE_S, Copy, Version

NOW = 1_000_000.0
BEFORE_NS = int((NOW - 60) * 1e9)
OLD = Version(1, 10, BEFORE_NS)
NEW = Version(1, 10, BEFORE_NS + 1)
NEWER = Version(1, 11, BEFORE_NS + 1)


def copy_of(version: Version, *, cost_s: float = 0.0) -> Copy:
    return Copy(version, "", began=NOW, copied_at=100.0, cost_s=cost_s)


def test_what_did_not_change_is_not_copied_again() -> None:
    """Neither now and then nor at the end."""
    copy = copy_of(OLD)
    assert not copy.is_due(OLD, 1e9)
    assert not copy.is_stale(OLD)


def test_a_change_is_copied_once_it_rests() -> None:
    """A file that is half-written is seen to change between two looks."""
    copy = copy_of(OLD)
    assert [False, False, True] == [copy.is_due(v, 101.0) for v in (NEW, NEWER, NEWER)]


def test_a_file_that_never_rests_is_copied_after_some_patience() -> None:
    """Such as a text that is appended to all the time."""
    copy = copy_of(OLD)
    looks = [(Version(1, size, BEFORE_NS), 101.0 + size) for size in range(11, 60)]
    due = [at - looks[0][1] for version, at in looks if copy.is_due(version, at)]
    assert PATIENCE_S == due[0]


def test_a_dear_file_is_copied_for_a_twentieth_of_the_time() -> None:
    """One that took 10 s to copy is left alone for 200 s."""
    copy = copy_of(OLD, cost_s=10.0)
    assert [False, False, True] == [copy.is_due(NEW, at) for at in (101.0, 299.0, 300.0)]


@pytest.mark.parametrize(("expected", "age_s"), [(True, 0.0), (True, 1.9), (False, 2.1), (True, -5.0)])
def test_a_file_that_changed_just_before_its_copy_may_have_changed_after_it(
    *, expected: bool, age_s: float
) -> None:
    """Within one tick of the file system's clock both look the same, so the end copies it again."""
    version = Version(1, 10, int((NOW - age_s) * 1e9))
    assert expected == copy_of(version).is_stale(version)


def test_a_version_is_inode_size_and_time() -> None:
    """A file that was replaced by one of the same size and time is another one."""
    status = os.stat(__file__)
    assert Version(status.st_ino, status.st_size, status.st_mtime_ns) == Version.of(status)
    assert copy_of(OLD).is_stale(Version(2, 10, BEFORE_NS))
