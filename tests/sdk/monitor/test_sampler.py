"""The sources of a machine: each tells what it knows, one that fails is left out and named once."""

from collections.abc import Callable

import pytest

from tidelog.datastore.disk import Disk
from tidelog.sdk.monitor.machine import NetworkSource
from tidelog.sdk.monitor.moment import Moment, Row
from tidelog.sdk.monitor.process_table import read_table
from tidelog.sdk.monitor.process_tree import tree_below
from tidelog.sdk.monitor.rates import Rates
from tidelog.sdk.monitor.sampler import Sampler, makers


class Answers:
    """A source that gives answers in turn; one that is an exception is raised."""

    def __init__(self, *answers: Row | Exception) -> None:
        self.answers = list(answers)

    def sample(self, _moment: Moment) -> Row:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def fails(error: Exception) -> Callable[[], Answers]:
    def make() -> Answers:
        raise error

    return make


MOMENT = Moment(0.0, {})


def test_a_source_that_fails_is_left_out_and_told_once() -> None:
    """The others go on; a library may raise whatever it likes."""
    told: list[str] = []
    odd = Answers({"a": 1}, ZeroDivisionError("odd driver"), {"a": 3})
    good = Answers({"b": 1}, {"b": 2}, {"b": 3})
    sampler = Sampler([("odd", lambda: odd), ("good", lambda: good)], tell=told.append)
    rows = [sampler.sample(MOMENT) for _ in range(3)]
    assert [{"a": 1, "b": 1}, {"b": 2}, {"b": 3}] == rows
    assert ["odd: ZeroDivisionError: odd driver; left out from now on"] == told


def test_a_source_that_cannot_be_made_is_told_and_left_out() -> None:
    """Such as a library that is not there."""
    told: list[str] = []
    sources = [("gone", fails(ImportError("no amdsmi"))), ("good", lambda: Answers({"b": 1}))]
    assert {"b": 1} == Sampler(sources, tell=told.append).sample(MOMENT)
    assert ["gone: ImportError: no amdsmi; left out from now on"] == told


def test_this_machine_is_sampled(tmp_path: object) -> None:
    """All sources work here, and what they tell can be true."""
    told: list[str] = []
    sampler = Sampler(makers(str(tmp_path), Disk()), tell=told.append)
    tree = tree_below([1], read_table(Disk()))
    first = sampler.sample(Moment(0.0, tree))
    second = sampler.sample(Moment(2.0, tree))
    assert [] == told
    assert set(first) < set(second)
    for name in ("cpu", "memory", "disk"):
        assert 0 <= second[f"system/{name}_percent"] <= 100
    assert 0 < second["system/memory_used_bytes"] < 2**50
    assert 0 <= second["system/network_sent_bytes_per_s"]
    assert 0 == second["system/process/cpu_percent"]
    assert 1 <= second["system/process/count"]


def test_a_counter_becomes_a_rate() -> None:
    """From the second time on; one that is new, unknown or went back has none."""
    rates = Rates()
    assert {} == rates.per_s({"a": 10, "b": 5, "c": None}, 100.0)
    assert {"a": 2.0} == rates.per_s({"a": 30, "b": 4, "c": 1}, 110.0)
    assert {"a": 0.0, "b": 1.0, "c": 0.5} == rates.per_s({"a": 30, "b": 6, "c": 2}, 112.0)
    assert {} == rates.per_s({"a": 40}, 112.0)


def test_traffic_within_the_machine_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What passes through a container's interface passes through a real one, too.

    psutil is replaced: no test can make an interface.
    """
    from types import SimpleNamespace

    import psutil

    sent = iter([0, 4000])

    def counters(*, pernic: bool) -> dict[str, SimpleNamespace]:
        count = next(sent)
        names = ("eth0", "ib0", "lo", "veth12", "docker0")
        return {name: SimpleNamespace(bytes_sent=count, bytes_recv=0) for name in names}

    monkeypatch.setattr(psutil, "net_io_counters", counters)
    source = NetworkSource()
    source.sample(Moment(0.0, {}))
    assert 8000 / 4 == source.sample(Moment(4.0, {}))["system/network_sent_bytes_per_s"]
