"""What a service tells systemd, heard on a real datagram socket."""

import asyncio
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from notify_socket import NotifySocket
from run_spec import RunSpec
from syncd_process import HubProcess, SyncdProcess, run_syncd
from waiting import PATIENCE_S, until

from tidelog.syncd.notify import Notifier, beat_interval_s

QUICK_WATCHDOG = {"WATCHDOG_USEC": "300000"}
BEAT_S = 0.1


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_messages_are_those_of_the_protocol(kind: str, tmp_path: Path) -> None:
    """Letter by letter as sd_notify(3) has them, to a path or an abstract name."""
    address = f"@tidelog-test-{os.getpid()}" if kind == "abstract" else str(tmp_path / "notify")
    with NotifySocket(address) as manager:
        notifier = Notifier.from_environment({"NOTIFY_SOCKET": address}, pid=1)
        notifier.ready()
        assert ["READY=1"] == manager.message()
        notifier.stopping()
        assert ["STOPPING=1"] == manager.message()
        notifier.alive("3 roots,\n12 runs")
        assert ["WATCHDOG=1", "STATUS=3 roots, 12 runs"] == manager.message()
        before_us = time.monotonic_ns() // 1000
        notifier.reloading()
        reloading, moment = manager.message()
        assert "RELOADING=1" == reloading
        now_us = int(moment.removeprefix("MONOTONIC_USEC="))
        assert before_us <= now_us <= time.monotonic_ns() // 1000


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    """Neither where none is named, nor where the named one has gone, nor where it does not listen."""
    Notifier("").ready()
    asyncio.run(asyncio.wait_for(Notifier("").beat(lambda: "never asked"), PATIENCE_S))
    Notifier(str(tmp_path / "gone")).ready()
    with NotifySocket(str(tmp_path / "deaf")) as manager:
        for _ in range(2000):  # More than its queue takes: the last ones are lost, and nobody waits.
            Notifier(manager.address).alive("x" * 200)


def test_a_beat_is_a_third_of_what_the_watchdog_waits() -> None:
    """If it watches this process; and at least every ten seconds, for the status."""
    assert 2.0 == beat_interval_s({"WATCHDOG_USEC": "6000000"}, pid=7)
    assert 2.0 == beat_interval_s({"WATCHDOG_USEC": "6000000", "WATCHDOG_PID": "7"}, pid=7)
    assert 10.0 == beat_interval_s({"WATCHDOG_USEC": "6000000", "WATCHDOG_PID": "8"}, pid=7)
    assert 10.0 == beat_interval_s({"WATCHDOG_USEC": "120000000"}, pid=7)
    for senseless in ("", "0", "soon", "-5"):
        assert 10.0 == beat_interval_s({"WATCHDOG_USEC": senseless}, pid=7)


def test_a_daemon_tells_its_manager_how_it_is(tmp_path: Path) -> None:
    """Ready once it answers; alive while its loop turns, and not while it hangs; reloading; stopping."""
    RunSpec(tmp_path / "root").rows(1)
    with NotifySocket(str(tmp_path / "notify")) as manager:
        environment = {"NOTIFY_SOCKET": manager.address, **QUICK_WATCHDOG}
        to = f"file://{tmp_path}/usb"
        with SyncdProcess("start", "--root", tmp_path / "root", "--to", to, **environment) as daemon:
            assert ["READY=1"] == manager.message()
            assert 0 == run_syncd("status").returncode
            beat = manager.message_with(f"STATUS=1 root, 1 run, 1 live, {to} works")
            assert "WATCHDOG=1" in beat
            os.kill(daemon.pid, signal.SIGSTOP)
            until(lambda: psutil.Process(daemon.pid).status() == psutil.STATUS_STOPPED)
            manager.forget()
            assert [] == manager.message(within_s=8 * BEAT_S)
            os.kill(daemon.pid, signal.SIGCONT)
            assert "WATCHDOG=1" in manager.message()
            os.kill(daemon.pid, signal.SIGHUP)
            while "RELOADING=1" not in (message := manager.message()):
                assert "WATCHDOG=1" in message
            manager.message_with("READY=1")
            os.kill(daemon.pid, signal.SIGTERM)
            manager.message_with("STOPPING=1")
            assert 0 == daemon.wait()


def test_a_hub_tells_its_manager_where_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready once it listens, stopping when it is told to."""
    with NotifySocket(str(tmp_path / "notify")) as manager:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        with HubProcess(tmp_path / "data") as hub:
            assert ["READY=1"] == manager.message()
            manager.message_with(f"STATUS=serves {tmp_path}/data on {hub.url}")
            assert 0 == hub.terminate()
            manager.message_with("STOPPING=1")
