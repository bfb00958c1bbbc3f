"""Digests of what arrives in parts: known where every byte was seen in its order, else not."""

import hashlib

from tidelog.datastore.running_digests import RunningDigests


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_parts_in_their_order_give_the_digest_of_the_whole() -> None:
    """It is told once: what follows begins anew."""
    running = RunningDigests()
    running.carry_on("a", b"one", offset=0)
    running.carry_on("a", b"two", offset=3)
    assert sha(b"onetwo") == running.take("a", size=6)
    assert None is running.take("a", size=6)


def test_a_gap_and_another_size_are_not_vouched_for() -> None:
    """Bytes that nobody hashed may be anything."""
    running = RunningDigests()
    running.carry_on("a", b"one", offset=0)
    running.carry_on("a", b"two", offset=4)
    assert None is running.take("a", size=7)
    running.carry_on("b", b"two", offset=3)
    assert None is running.take("b", size=6)
    running.carry_on("c", b"one", offset=0)
    assert None is running.take("c", size=4)
    assert None is running.take("d", size=0)


def test_a_part_at_the_start_begins_anew() -> None:
    """As it does on the disk."""
    running = RunningDigests()
    running.carry_on("a", b"one", offset=0)
    running.carry_on("a", b"two", offset=0)
    assert sha(b"two") == running.take("a", size=3)


def test_only_so_many_are_remembered() -> None:
    """The oldest is forgotten, and read again."""
    running = RunningDigests(remembered_max=2)
    for name in ("a", "b", "c"):
        running.carry_on(name, b"one", offset=0)
    assert [None, sha(b"one"), sha(b"one")] == [running.take(n, size=3) for n in ("a", "b", "c")]
