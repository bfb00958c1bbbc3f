"""How long a row takes from `log_row()` to the hub, with a real writer, daemon and hub."""

import os
import time
from pathlib import Path

import pytest
from syncd_process import HubProcess, SyncdProcess, make_key
from waiting import PATIENCE_S, until

from tidelog.datastore import Writer

ROWS_PER_S = 100
SECONDS = 2
DELAY_S_MAX, ATTEMPTS = 2.0, 5
"""What is late each time is our doing, and not that of whatever else the machine does."""


def delays_s(log: Path, copy: Path, writer: Writer, rows: int) -> list[float]:
    """Log rows at their pace; return for each how long it was until the hub's copy held it."""
    waiting: list[tuple[int, float]] = []
    found: list[float] = []
    began = time.monotonic()
    while len(found) < rows:
        now = time.monotonic()
        if len(found) + len(waiting) < rows and now - began >= (len(found) + len(waiting)) / ROWS_PER_S:
            writer.log_row({"loss": 0.5, "sent": now}, step=len(found) + len(waiting))
            waiting.append((log.stat().st_size, now))
        held = copy.stat().st_size if copy.exists() else 0
        while waiting and waiting[0][0] <= held:
            found.append(time.monotonic() - waiting.pop(0)[1])
        assert not waiting or time.monotonic() - waiting[0][1] < PATIENCE_S
        time.sleep(0.001)
    return found


def begun_an_hour_ago(log: Path) -> Writer:
    """Begin a run that has been silent for long."""
    writer = Writer(log.parent)
    writer.log_row({"loss": 1.0}, step=0)
    at = time.time() - 3600
    os.utime(log, (at, at))
    os.utime(log.parent, (at, at))
    return writer


@pytest.mark.parametrize("is_run_new", [True, False])
def test_a_row_is_on_the_hub_within_two_seconds(tmp_path: Path, is_run_new: bool) -> None:
    """A hundred a second, and one after an hour of silence; in a new run, and in one from before."""
    root, data = tmp_path / "root", tmp_path / "data"
    root.mkdir()
    names = [Path("mnist", f"r{attempt}", "main.0001.tlog") for attempt in range(ATTEMPTS)]
    silent = {} if is_run_new else {name: begun_an_hour_ago(root / name) for name in names}

    def slowest_s(name: Path) -> float:
        log, copy = root / name, data / name
        writer = silent.pop(name, None) or Writer(log.parent)
        first = [] if is_run_new else delays_s(log, copy, writer, 1)
        delays = sorted(delays_s(log, copy, writer, ROWS_PER_S * SECONDS))
        writer.close()
        print(f"first {first}, median {delays[len(delays) // 2]:.2f} s, slowest {delays[-1]:.2f} s")
        return max([*first, delays[-1]])

    with (
        HubProcess(data) as hub,
        SyncdProcess("start", "--root", root, "--to", hub.url, TIDELOG_API_KEY=make_key(data)) as daemon,
    ):
        daemon.line_with("uploads to")
        until(lambda: all((data / name).exists() for name in silent))
        assert any(DELAY_S_MAX > slowest_s(name) for name in names)
        assert 0 == daemon.terminate()
    for writer in silent.values():
        writer.close()
