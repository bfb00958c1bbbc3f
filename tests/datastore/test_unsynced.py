"""The records in memory: none is forgotten while something slow is done with it; all have a bound."""

from tidelog.datastore.unsynced import Unsynced

LOG = bytes(16)


def test_what_is_under_way_is_counted() -> None:
    """While it waits, is written, is held and is carried over."""
    unsynced = Unsynced(bytes_max=100)
    unsynced.wait(b"abc", 2, is_note=False)
    assert (1, 2, True) == (len(unsynced), unsynced.rows_nowhere, unsynced.is_waiting)
    waiting = unsynced.begin_write(bytes_max=10)
    assert (b"abc", 2, False) == waiting == unsynced.begin_write(bytes_max=10)
    assert (1, 2, True) == (len(unsynced), unsynced.rows_nowhere, unsynced.is_waiting)
    unsynced.end_write(waiting, LOG, 0, is_taken=False)
    assert (1, 2, False) == (len(unsynced), unsynced.rows_nowhere, unsynced.is_waiting)
    batch = unsynced.next_batch(bytes_max=10)
    assert ([(b"abc", 2, LOG, 0, False)], 1, 2) == (batch, len(unsynced), unsynced.rows_nowhere)
    unsynced.end_batch([(b"+abc", 2, LOG, 1, True)])
    assert (1, 0) == (len(unsynced), unsynced.rows_nowhere)
    assert [b"+abc"] == unsynced.end_carrying(is_synced=False)
    unsynced.begin_sync()
    unsynced.end_sync(is_synced=True)
    assert 0 == len(unsynced)


def test_what_waits_is_joined_up_to_a_size() -> None:
    """In order, with its rows added up; one that holds a note makes the whole a note."""
    unsynced = Unsynced(bytes_max=100)
    for payload, is_note in ((b"ab", False), (b"cd", True), (b"ef", False)):
        unsynced.wait(payload, 1, is_note=is_note)
    assert (b"abcd", 2, True) == unsynced.begin_write(bytes_max=5)


def test_the_bound_spares_what_is_under_way() -> None:
    """What is being carried over may be over it; then what comes is lost at once, and counted."""
    unsynced = Unsynced(bytes_max=10)
    unsynced.hold(b"x" * 10, 1, LOG, 0)
    unsynced.next_batch(bytes_max=100)
    unsynced.end_batch([(b"x" * 12, 1, LOG, 1, True)])
    assert 3 == unsynced.wait(b"y", 3, is_note=False)
    assert [b"x" * 12] == unsynced.end_carrying(is_synced=False)


def test_what_was_carried_over_and_synced_is_let_go() -> None:
    """A log that takes no more may well hold what it took."""
    unsynced = Unsynced(bytes_max=100)
    for seq in range(2):
        unsynced.hold(b"ab", 1, LOG, seq)
    unsynced.next_batch(bytes_max=2)
    unsynced.end_batch([(b"+ab", 1, LOG, 7, True)])
    unsynced.end_batch(unsynced.next_batch(bytes_max=2))
    unsynced.end_carrying(is_synced=True)
    assert 0 == len(unsynced)
