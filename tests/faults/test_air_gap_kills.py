"""SIGKILL of `unpack` and `clean`, and a stick that is pulled out: what is whole stays whole."""

import os
import shutil
import signal
import time
from pathlib import Path
from random import Random

from run_spec import RunSpec, tree
from syncd_process import SyncdProcess, run_syncd
from waiting import until

SEED = 20261126
LONG_AGO_S = 1_700_000_000


def make_root(root: Path, runs: int, *, megabytes: float = 0.5) -> Path:
    for number in range(runs):
        run = RunSpec(root, "mnist", f"r{number:02d}", seed=number)
        run.rows(200).media("a.png", 20_000).saved("m.npz", int(megabytes * 1e6)).finish()
    for path in [root, *root.rglob("*")]:
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))
    return root


def whole(root: Path) -> dict[str, bytes]:
    """What readers see of a root: neither unfinished files nor runs that were set aside."""
    return {
        name: data
        for name, data in tree(root).items()
        if not name.endswith(".tmp") and not any(part.startswith(".") for part in name.split("/"))
    }


def test_unpack_goes_on_after_every_kill(tmp_path: Path) -> None:
    """Killed again and again at whatever it does; each time all that is in place is whole.

    Where it was faster than the kill it begins anew.
    """
    random = Random(SEED)
    root, out, archive = make_root(tmp_path / "root", 8, megabytes=3), tmp_path / "out", tmp_path / "x"
    expected = tree(root)
    assert 0 == run_syncd("pack", root, "-o", archive).returncode
    out.mkdir()
    kills = 0
    while kills < 8:
        held = len(list(out.rglob("*")))
        with SyncdProcess("unpack", archive, "-d", out) as process:
            # Something new of it is there: the kill falls into the work, and not into the start.
            until(lambda held=held: len(list(out.rglob("*"))) > held or process.has_ended)  # type: ignore[misc]
            time.sleep(random.uniform(0, 0.03))
            was_killed = -signal.SIGKILL == process.kill()
        for name, data in whole(out).items():
            is_log = name.endswith(".tlog")
            assert expected[name].startswith(data) if is_log else expected[name] == data, (kills, name)
        kills += was_killed
        if not was_killed:
            assert expected.keys() == whole(out).keys()
            shutil.rmtree(out)
            out.mkdir()
    done = run_syncd("unpack", archive, "-d", out)
    assert 0 == done.returncode, done.stderr
    assert expected == {name: data for name, data in tree(out).items() if not name.endswith(".tmp")}
    assert expected.keys() == whole(out).keys()
    assert 0 == run_syncd("verify", root, "--receipt", tmp_path).returncode


def test_clean_leaves_a_run_or_none_at_every_kill(tmp_path: Path) -> None:
    """What is still seen is whole; the next `clean` sweeps what was on its way; the copy stays.

    Where it was faster than the kill it begins anew.
    """
    random = Random(SEED)
    root, out = make_root(tmp_path / "root", 30, megabytes=0.02), tmp_path / "out"
    spare = shutil.copytree(root, tmp_path / "spare")
    arguments = ("clean", root, "--to", f"file://{out}", "--yes")
    assert 0 == run_syncd("sync", root, "--to", f"file://{out}").returncode
    copy = tree(out)
    kills = 0
    while kills < 6:
        left = len(_runs(root))
        with SyncdProcess(*arguments) as process:
            until(lambda left=left: len(_runs(root)) < left or process.has_ended)  # type: ignore[misc]
            time.sleep(random.uniform(0, 0.02))
            was_killed = -signal.SIGKILL == process.kill()
        seen = whole(root)
        assert {name: data for name, data in copy.items() if name in seen} == seen
        for run in _runs(root):
            here = {name for name in seen if name.startswith(f"mnist/{run}/")}
            assert {name for name in copy if name.startswith(f"mnist/{run}/")} == here, (kills, run)
        kills += was_killed
        if not was_killed:
            assert [] == _runs(root)
            shutil.rmtree(root)
            shutil.copytree(spare, root)
    done = run_syncd(*arguments)
    assert 0 == done.returncode, done.stderr
    assert [] == list((root / "mnist").iterdir())
    assert copy == tree(out)


def _runs(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "mnist").iterdir() if not path.name.startswith("."))


def test_a_stick_that_is_pulled_out_is_said_to_be_gone_and_goes_on_later(tmp_path: Path) -> None:
    """As what is uploaded to, and as what is uploaded from: the words say so, and nothing is lost."""
    root, stick, hub = make_root(tmp_path / "root", 3, megabytes=2), tmp_path / "stick", tmp_path / "hub"
    away, slowly = tmp_path / "away", ("--limit-rate", "300k", "--timeout", "0.5")
    with SyncdProcess("sync", root, "--to", f"file://{stick}", *slowly) as process:
        until(lambda: stick.exists() and any(name.endswith(".png") for name in tree(stick)))
        stick.rename(away)
        process.line_with("what was uploaded is gone; mount its disk")
        assert 3 == process.wait()
    assert not stick.exists()
    away.rename(stick)
    assert 0 == run_syncd("sync", root, "--to", f"file://{stick}").returncode
    assert tree(root) == whole(stick)
    with SyncdProcess("sync", stick, "--to", f"file://{hub}", *slowly) as process:
        until(lambda: hub.exists() and any(name.endswith(".png") for name in tree(hub)))
        stick.rename(away)
        assert 1 == process.wait()
    away.rename(stick)
    done = run_syncd("sync", stick, "--to", f"file://{hub}")
    assert (0, True) == (done.returncode, "receipt for 3 runs" in done.stderr), done.stderr
    assert tree(root) == whole(hub)
