"""How long a row takes from `log_row()` to the hub, with a real writer, daemon and hub."""

import os
import time
from pathlib import Path

import pytest
from syncd_process import HubProcess, SyncdProcess, make_key
from waiting import until

from tidelog.datastore import Writer

ROWS_PER_S = 100
SECONDS = 2
DELAY_S_MAX = 2.0


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
        assert not waiting or time.monotonic() - waiting[0][1] < 30
        time.sleep(0.001)
    return found


@pytest.mark.parametrize("is_run_new", [True, False])
def test_a_row_is_on_the_hub_within_two_seconds(tmp_path: Path, is_run_new: bool) -> None:
    """A hundred a second, and one after an hour of silence; in a new run, and in one from before."""
    root, data = tmp_path / "root", tmp_path / "data"
    root.mkdir()
    log, copy = (top / "mnist" / "r1" / "main.0001.tlog" for top in (root, data))
    with HubProcess(data) as hub:
        if not is_run_new:
            writer = Writer(log.parent)
            writer.log_row({"loss": 1.0}, step=0)
            at = time.time() - 3600
            os.utime(log, (at, at))
            os.utime(log.parent, (at, at))
        with SyncdProcess(
            "start", "--root", root, "--to", hub.url, TIDELOG_API_KEY=make_key(data)
        ) as daemon:
            daemon.line_with("uploads to")
            if is_run_new:
                writer = Writer(log.parent)
            else:
                until(lambda: copy.exists())
                [first] = delays_s(log, copy, writer, 1)
                print(f"after an hour of silence: {first:.2f} s")
                assert DELAY_S_MAX > first
            delays = sorted(delays_s(log, copy, writer, ROWS_PER_S * SECONDS))
            print(f"median {delays[len(delays) // 2]:.2f} s, slowest {delays[-1]:.2f} s")
            assert DELAY_S_MAX > delays[-1]
            writer.close()
            assert 0 == daemon.terminate()
