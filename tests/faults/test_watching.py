"""A daemon that watches where events come too fast, or do not come at all."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from faults.mounts import needs_root, served
from looking import WATCHING, Watch
from run_spec import RunSpec, tree
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import until

PROOF = (pytest.mark.proof, pytest.mark.timeout(900))
DRAIN_S_MAX = 10.0
THREADS_MAX = 16
"""More than before: a look, three uploads and a count of rows that hang, and what works beside them."""


def status() -> dict[str, object]:
    answer: dict[str, object] = json.loads(run_syncd("status", "--json").stdout)
    return answer


def proven(project: Path) -> int:
    """Make runs until the daemon trusts in events; return how many it took."""
    if "'way': 'inotify'}" in str(status()["folders"]):
        return len(list(project.glob("touch-*")))
    touch(project)
    return 0


def arrived(project: Path) -> int:
    """Count the runs and the images at the hub, and open none of them."""
    images = project / "images" / "media" / "images"
    if not images.is_dir():
        return 0
    runs = [name for name in os.listdir(project) if name.startswith("run-")]
    return len(runs) + len([name for name in os.listdir(images) if name.endswith(".png")])


def arrived_rows(data: Path, run: RunSpec) -> bool:
    """Tell whether all that a run has logged is at the hub."""
    log = data / run.path.parent.name / run.path.name / run.name
    return log.is_file() and log.read_bytes() == run.log.data


def threads_of(process: SyncdProcess) -> int:
    """Count the threads of a process."""
    return len(os.listdir(f"/proc/{process.pid}/task"))


def touch(folder: Path) -> None:
    """Make one more folder in a folder."""
    (folder / f"touch-{time.monotonic_ns()}").mkdir()


@needs_root
def test_runs_on_a_file_system_without_events_are_found_within_a_scan(tmp_path: Path) -> None:
    """FUSE, changed from behind as by another machine: new runs, rows, logs; no sweep is waited for."""
    with served(tmp_path) as (point, _):
        root, usb = tmp_path / "behind" / "tidelog", tmp_path / "usb"
        root.mkdir()
        with SyncdProcess("start", "--root", point / "tidelog", "--to", f"file://{usb}") as daemon:
            daemon.line_with("uploads to")
            until(lambda: status()["folders"])
            until(lambda: status()["sweeps"])
            for number in range(3):
                run = RunSpec(root, f"project-{number}").rows(1).media("a.png")
                until(lambda: tree(root) == tree(usb))
                run.rows(1).new_log("main.0002.tlog")
                until(lambda: tree(root) == tree(usb))
            assert 1 == status()["sweeps"]
            assert "does not tell what other machines do" in str(status()["folders"])
            assert 0 == daemon.terminate()


@needs_root
def test_a_file_system_whose_events_do_not_tell_all_is_found_out(tmp_path: Path) -> None:
    """It looks local, and its events come for what is done here; a change from behind ends the trust."""
    with served(tmp_path, kind="fuse.mergerfs") as (point, _):
        behind = tmp_path / "behind"
        settings = replace(WATCHING, runs_interval_s=0.3, trust_s=0.1)
        watch = Watch(point, settings=settings)

        async def work() -> None:
            await watch.until(lambda: watch.lookouts.sweeps)
            await watch.until(lambda: "inotify" == watch.way_to(point) or touch(point))
            await watch.until(lambda: watch.told or touch(behind))
            assert "without an event" in watch.told[0]
            assert "looking" in watch.way_to(point)
            RunSpec(behind, "there", "r1")
            await watch.until(lambda: "there/r1/main.0001.tlog" in watch.found)

        watch.do(work)


@needs_root
def test_a_file_server_that_is_away_harms_its_own_root_alone(tmp_path: Path) -> None:
    """FUSE whose server is stopped: other rows arrive, it is named, the daemon answers and ends."""
    data, here = tmp_path / "data", tmp_path / "here"
    with served(tmp_path) as (point, hang), HubProcess(data) as hub:
        roots = [point / "tidelog", here]
        flags = [part for root in roots for part in ("--root", root)]
        lost = [RunSpec(tmp_path / "behind" / "tidelog", "cifar", f"r{n}", seed=n) for n in range(6)]
        run = RunSpec(here).rows(1)
        with SyncdProcess("start", *flags, "--to", hub.url, TIDELOG_API_KEY=make_key(data)) as daemon:
            daemon.line_with("uploads to")
            until(lambda: arrived_rows(data, run) and all(arrived_rows(data, each) for each in lost))
            before = threads_of(daemon)
            for each in lost:
                each.rows(50)
            hang.begin()
            assert f"{roots[0]} has not answered for" in daemon.line_with("has not answered")
            for _ in range(3):
                run.rows(1)
                began = time.monotonic()
                until(lambda: arrived_rows(data, run))
                print(f"a row of another root arrived after {time.monotonic() - began:.2f} s")
            problems = status()["problems"]
            assert isinstance(problems, dict)
            assert "it has not answered since" in problems[str(roots[0])]
            assert THREADS_MAX >= threads_of(daemon) - before
            hang.end()
            assert f"{roots[0]} answers again after" in daemon.line_with("answers again")
            until(lambda: all(arrived_rows(data, each) for each in lost))
            hang.begin()
            lost[0].rows(1)
            began = time.monotonic()
            assert 0 == daemon.terminate()
            print(f"the daemon ended after {time.monotonic() - began:.2f} s")
            assert DRAIN_S_MAX > time.monotonic() - began


@pytest.mark.parametrize(("runs", "files"), [(20, 200), pytest.param(2_000, 20_000, marks=PROOF)])
def test_twenty_thousand_at_once_are_all_found(tmp_path: Path, runs: int, files: int) -> None:
    """More events than the kernel keeps while the daemon does not read: none of it is missed."""
    root, data = tmp_path / "root", tmp_path / "data"
    many = RunSpec(root, "many", "images")
    with HubProcess(data) as hub:
        key = make_key(data)
        with SyncdProcess("start", "--root", root, "--to", hub.url, TIDELOG_API_KEY=key) as daemon:
            daemon.line_with("uploads to")
            until(lambda: tree(root) == tree(data))
            proofs = until(lambda: proven(root / "many"))
            os.kill(daemon.pid, signal.SIGSTOP)
            for number in range(files):
                many.media(f"{number}.png", 40)
            for number in range(20_000 - runs):
                (root / "many" / f"empty-{number}").mkdir()
            for number in range(runs):
                RunSpec(root, "many", f"run-{number}", seed=number)
            began = time.monotonic()
            os.kill(daemon.pid, signal.SIGCONT)
            until(lambda: status()["runs"] == 20_001 + proofs)
            print(f"20,000 new run directories were found in {time.monotonic() - began:.1f} s")
            assert 0 < int(str(status()["event_overflows"]))
            until(lambda: arrived(data / "many") == runs + files, patience_s=800)
            print(f"{runs} runs and {files} files arrived in {time.monotonic() - began:.1f} s")
            until(lambda: tree(root) == tree(data))
            assert 0 == daemon.terminate()
