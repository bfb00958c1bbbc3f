"""The processes below a trainer: found by their parents, counted by what they used since then."""

import os
import subprocess
import sys

import pytest

from tidelog.datastore.disk import Disk
from tidelog.sdk.monitor.moment import Moment
from tidelog.sdk.monitor.process_table import read_table, read_table_by_psutil
from tidelog.sdk.monitor.process_tree import (
    ProcessUse,
    Table,
    cpu_used_s,
    parse_stat,
    tree_below,
)
from tidelog.sdk.monitor.tree_source import TreeSource

STAT = (
    b"4242 (pt main) (x) S 17 4242 4242 0 -1 4194304 900 0 0 0 250 50 7 8 20 0 12 0 12345 99999999 2048 "
    b"18446744073709551615 1 1 0 0\n"
)


def use(
    parent: int = 1, started: float = 1.0, cpu_s: float = 0.0, threads: int = 1, rss: int = 0
) -> ProcessUse:
    return ProcessUse(parent, started, cpu_s, threads, rss)


def test_a_line_of_proc_tells_all() -> None:
    """Parent, start, user and system time, threads, pages; the name may hold anything."""
    expected = ProcessUse(parent=17, started=12345, cpu_s=3.0, threads=12, rss_bytes=2048 * 4096)
    assert expected == parse_stat(STAT, ticks_per_s=100, page_bytes=4096)


def test_a_tree_is_the_roots_and_all_below() -> None:
    """Several roots may be one another's children; a circle, as of ids given anew, ends."""
    table = {1: use(0), 5: use(1), 6: use(5), 7: use(6), 8: use(1), 20: use(21), 21: use(20)}
    assert {5, 6, 7} == set(tree_below([5], table))
    assert {5, 6, 7, 8} == set(tree_below([6, 5, 8], table))
    assert {20, 21} == set(tree_below([20], table))
    assert {} == tree_below([99], table)


@pytest.mark.parametrize(
    ("expected", "before", "now"),
    [
        (2.0, {1: use(cpu_s=3.0)}, {1: use(cpu_s=5.0)}),
        (1.5, {}, {1: use(cpu_s=1.5)}),
        (0.5, {1: use(cpu_s=9.0)}, {1: use(cpu_s=0.5, started=2.0)}),
        (0.0, {1: use(cpu_s=9.0)}, {}),
        (3.0, {1: use(cpu_s=1.0), 2: use(cpu_s=5.0)}, {1: use(cpu_s=2.0), 3: use(cpu_s=2.0)}),
    ],
)
def test_time_used_since_the_last_look(expected: float, before: Table, now: Table) -> None:
    """Who is new counts whole, also under an old id; who has gone is lost with its last seconds."""
    assert expected == cpu_used_s(before, now)


def test_a_real_child_is_found_below_its_parent() -> None:
    """By /proc and by psutil alike."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        for table in (read_table(Disk()), read_table_by_psutil()):
            tree = tree_below([os.getpid()], table)
            assert {os.getpid(), child.pid} <= set(tree)
            assert os.getpid() == tree[child.pid].parent
            assert 0 < tree[os.getpid()].rss_bytes < 2**40
            assert 0 < tree[os.getpid()].cpu_s < 1e6
        child.communicate(b"\n")


def test_a_tree_is_sampled_as_one() -> None:
    """100 percent is one core; there is no percentage before there are two samples."""
    source = TreeSource()
    first = source.sample(Moment(10.0, {1: use(cpu_s=1.0, threads=4, rss=100)}))
    expected = {
        "system/process/memory_bytes": 100,
        "system/process/count": 1,
        "system/process/threads": 4,
    }
    assert expected == first
    tree = {1: use(cpu_s=6.0, threads=4, rss=100), 2: use(cpu_s=15.0, threads=2, rss=50)}
    second = source.sample(Moment(20.0, tree))
    assert (150, 2, 6) == tuple(second[name] for name in expected)
    assert 200.0 == second["system/process/cpu_percent"]


def test_nothing_is_told_of_processes_that_have_ended() -> None:
    """A sample at the end of a short run finds nobody; 0 bytes would be the mean of such a run."""
    source = TreeSource()
    assert {} == source.sample(Moment(10.0, {}))
    source.sample(Moment(20.0, {1: use(rss=100)}))
    assert {} == source.sample(Moment(30.0, {}))
