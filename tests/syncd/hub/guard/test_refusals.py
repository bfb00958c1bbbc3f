"""How often an address may come with a key that is none."""

from tidelog.syncd.hub.guard.refusals import Refusals


def refusals(addresses_max: int = 100) -> Refusals:
    return Refusals(burst=3, per_s=0.5, addresses_max=addresses_max)


def test_a_burst_is_answered_in_words_and_then_some_a_second() -> None:
    """The last answer in words is told apart, once for each time that it comes so far."""
    counted = refusals()
    assert [(True, False), (True, False), (True, True)] == [counted.refuse("a", 0) for _ in range(3)]
    assert [(False, False)] * 5 == [counted.refuse("a", 1.0) for _ in range(5)]
    assert (True, True) == counted.refuse("a", 2.0)
    assert (True, False) == counted.refuse("a", 100.0)
    assert 2.0 == counted.wait_s()


def test_addresses_do_not_pay_for_each_other() -> None:
    """But those of one IPv6 network are one."""
    counted = refusals()
    for _ in range(10):
        counted.refuse("10.0.0.1", 0)
    assert (True, False) == counted.refuse("10.0.0.2", 0)
    said = [counted.refuse(f"2001:db8::{n:x}", 0)[0] for n in range(5)]
    assert [True, True, True, False, False] == said
    assert counted.refuse("2001:db8:0:1::1", 0)[0]


def test_the_table_is_bounded() -> None:
    """The address that was seen longest ago is forgotten."""
    counted = refusals(addresses_max=10)
    for n in range(1000):
        counted.refuse(f"10.0.{n // 256}.{n % 256}", 0)
    assert "10 addresses" in repr(counted)
