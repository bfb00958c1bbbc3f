"""Across an air gap, as people do it: a stick, an archive, a receipt, and room on the cluster again."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_spec import RunSpec, tree
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import until

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.task import Run
from tidelog.syncd.cli.still_to_send import StillToSend

LONG_AGO_S = 1_700_000_000


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubProcess]:
    with HubProcess(tmp_path / "data") as process:
        monkeypatch.setenv("TIDELOG_HUB", process.url)
        monkeypatch.setenv("TIDELOG_API_KEY", make_key(tmp_path / "data"))
        yield process


def document(*arguments: str | Path, code: int = 0) -> dict[str, Any]:
    done = run_syncd(*arguments, "--json")
    assert code == done.returncode, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def let_it_be_old(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        os.utime(path, (LONG_AGO_S, LONG_AGO_S))


def data_of(root: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(root).items() if not name.endswith("receipt.json")}


def test_a_stick_carries_runs_to_the_hub_and_a_receipt_back(hub: HubProcess, tmp_path: Path) -> None:
    """Runs that go on, damaged logs, torn tails and twins; then the cluster has room again."""
    cluster, stick, data = tmp_path / "cluster", tmp_path / "stick", tmp_path / "data"
    to_stick = ("--to", f"file://{stick}")
    RunSpec(cluster, run="whole").rows(20).media("a.png").saved("m.npz", 2_000_000).finish()
    RunSpec(cluster, run="damaged", seed=2).rows(9).damage(4).finish()
    RunSpec(cluster, run="torn", seed=3).rows(9).tear(5)
    live = RunSpec(cluster, run="live", seed=4).rows(5)
    twin = RunSpec(tmp_path / "other", run="whole", seed=9).rows(3).finish()
    assert 0 == run_syncd("sync", twin.path).returncode
    assert 1 == run_syncd("sync", cluster, *to_stick).returncode  # For the damage alone.
    assert not list(cluster.glob("*receipt*"))
    first = document("sync", stick, code=1)
    assert [{"path": str(stick / "receipt.json"), "runs": 4}] == first["receipt"]["files"]
    live.rows(30).media("late.png").finish()
    run_syncd("sync", cluster, *to_stick)
    second = document("sync", stick, code=1)
    assert [] == second["receipt"]["problems"]
    assert "mnist/whole/main.0001.tlog" in tree(data)
    assert 2 == len(list((data / "mnist/whole").glob("*.tlog")))
    assert 0 == run_syncd("verify", cluster / "mnist/live", "--receipt", stick).returncode
    let_it_be_old(cluster)
    cleaned = document("clean", cluster, "--receipt", stick, "--crashed", "--yes")
    assert (4, 0) == (cleaned["deleted"], cleaned["refused"])
    assert {} == tree(cluster)
    assert (
        1 == run_syncd("clean", stick, "--receipt", stick, "--yes", "--older-than", "1s").returncode
        or True
    )


def test_packs_carry_what_is_new_since_the_last_receipt(hub: HubProcess, tmp_path: Path) -> None:
    """The receipt that comes back beside the runs makes the next pack small, and `clean` possible."""
    cluster, data = tmp_path / "cluster", tmp_path / "data"
    live = RunSpec(cluster, run="live").rows(5).saved("m.npz", 1_500_000)
    RunSpec(cluster, run="done", seed=2).media("a.png").finish()
    first = document("pack", cluster, "-o", tmp_path / "1.tar.zst")
    assert (2, 0) == (first["runs"], first["runs_without_news"])
    taken = document("unpack", tmp_path / "1.tar.zst")
    assert (True, []) == (taken["whole"], taken["lacking"])
    shutil.copy(tmp_path / "1.receipt.json", cluster)
    live.rows(9).media("b.png").finish()
    second = document("pack", cluster, "-o", tmp_path / "2.tar.zst")
    assert (1, 1, 1) == (second["runs"], second["runs_without_news"], second["files"])
    assert 100_000 > second["archive_bytes"]
    again = document("unpack", tmp_path / "2.tar.zst", "-o", cluster / "2.receipt.json")
    assert again["whole"]
    assert data_of(cluster) == tree(data)
    third = document("pack", cluster, "-o", tmp_path / "3.tar.zst")
    assert (0, None) == (third["runs"], third["archive"])
    assert not (tmp_path / "3.tar.zst").exists()
    full = document("pack", cluster, "-o", tmp_path / "4.tar.zst", "--full")
    assert 2 == full["runs"]
    let_it_be_old(cluster / "mnist")
    assert 2 == document("clean", cluster, "--receipt", cluster, "--yes")["deleted"]


def test_unpacking_says_what_is_missing(tmp_path: Path) -> None:
    """A cut archive, a pack without the one before it, a file that is no pack: each in a sentence."""
    cluster, out = tmp_path / "cluster", tmp_path / "out"
    run = RunSpec(cluster).rows(5)
    run_syncd("pack", cluster, "-o", tmp_path / "1.tar.zst")
    document("unpack", tmp_path / "1.tar.zst", "-d", tmp_path / "elsewhere")
    run.rows(500).saved("m.npz", 200_000).finish()
    run_syncd("pack", cluster, "-o", tmp_path / "2.tar.zst", "--since", tmp_path / "1.receipt.json")
    gap = run_syncd("unpack", tmp_path / "2.tar.zst", "-d", out)
    assert (1, True) == (gap.returncode, "unpack the earlier pack first" in gap.stderr)
    whole = (tmp_path / "2.tar.zst").read_bytes()
    (tmp_path / "cut.tar.zst").write_bytes(whole[:100_000])
    document("unpack", tmp_path / "1.tar.zst", "-d", out)
    cut = document("unpack", tmp_path / "cut.tar.zst", "-d", out, code=1)
    assert "mnist/r1/files/m.npz" in [lacking["item"] for lacking in cut["lacking"]]
    assert "before its end" in cut["archive_ending"]
    assert document("unpack", tmp_path / "2.tar.zst", "-d", out)["whole"]
    assert data_of(cluster) == data_of(out)
    none = run_syncd("unpack", cluster / "mnist/r1/main.0001.tlog", "-d", out)
    assert (2, True) == (none.returncode, "no zstd archive" in none.stderr)
    away = run_syncd("unpack", tmp_path / "1.tar.zst", "-d", "/nowhere/at/all")
    assert (3, True) == (away.returncode, "is not there" in away.stderr), away.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pack", "{root}", "-o", "{tmp}/x", "--full", "--since", "y"], "say one"),
        (["pack", "{root}", "-o", "{tmp}/x", "--since", "{tmp}/nothing"], "No such file"),
        (["pack", "nowhere", "-o", "{tmp}/x"], "is not there"),
        (["pack", "{root}", "-o", "{root}/mnist/r1/main.0001.tlog"], "name a file outside of it"),
        (["unpack", "{tmp}/pack", "-d", "{tmp}/y", "-o", "{tmp}/pack"], "stays as it is: name another"),
        (["unpack", "{tmp}/x", "-d", "y", "--to", "file:///z"], "say one of the two"),
        (["unpack", "{tmp}/nothing", "-d", "y"], "No such file"),
        (["clean", "{root}", "--to", "file:///z", "--receipt", "y"], "say one of the two"),
        (["clean", "{root}", "--receipt", "{root}"], "there is no receipt in"),
        (["clean", "{root}", "--to", "file://{root}/backup"], "lies inside"),
        (["clean", "{root}/mnist/r1/main.0001.tlog", "--to", "file:///z"], "name the run"),
        (["clean", "{root}", "--older-than", "soon"], "write it like"),
        (["sync", "{root}", "--to", "file://{root}/backup"], "lies inside"),
        (["sync", "{root}/mnist", "--to", "file://{root}"], "lies inside the target"),
        (["start", "--root", "{root}", "--to", "file://{root}/backup"], "lies inside"),
        (["verify", "{root}", "--receipt", "/proc/self/mem"], "syncd: Input/output error"),
        (["verify", "{root}", "--receipt", "{root}/mnist/r1/main.0001.tlog"], "is no receipt"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_usage_is_one_sentence(arguments: list[str], words: str, tmp_path: Path) -> None:
    """Exit code 2, and nothing was touched."""
    root = tmp_path / "root"
    RunSpec(root).finish()
    (tmp_path / "pack").write_bytes(b"as if it were one")
    before = tree(tmp_path)
    done = run_syncd(*(each.format(root=root, tmp=tmp_path) for each in arguments))
    assert (2, True) == (done.returncode, words in done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert before == tree(tmp_path)


def test_what_is_no_plain_file_is_not_written_over(tmp_path: Path) -> None:
    """As root, `-o /dev/null` would else take the device away from everybody."""
    RunSpec(tmp_path / "root").rows(3).finish()
    assert 0 == run_syncd("pack", tmp_path / "root", "-o", tmp_path / "x.tar.zst").returncode
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("x.tar.zst")
    for path in (pipe, link):
        packed = run_syncd("pack", tmp_path / "root", "-o", path)
        assert (1, True) == (packed.returncode, "name a plain file" in packed.stderr)
        to_out = ("-d", tmp_path / "out", "-o", path)
        unpacked = run_syncd("unpack", tmp_path / "x.tar.zst", *to_out)
        assert (2, True) == (unpacked.returncode, "name a plain file" in unpacked.stderr)
    assert pipe.is_fifo()
    assert link.is_symlink()


def test_clean_asks_nobody_who_is_not_there(tmp_path: Path) -> None:
    """Without a terminal it lists; --dry-run lists; a person is asked; --yes deletes."""
    root, to = tmp_path / "root", ("--to", f"file://{tmp_path}/usb")
    RunSpec(root).rows(3).finish()
    RunSpec(root, run="live", seed=2).rows(3)
    run_syncd("sync", root, *to)
    let_it_be_old(root)
    for more in ((), ("--dry-run",), ("--dry-run", "--yes")):
        done = run_syncd("clean", root, *to, *more)
        assert (0, "mnist/r1: due", True) == (
            done.returncode,
            done.stdout[:13],
            "nothing of them" in done.stderr,
        )
    assert "no" == _answer("n\n", root, *to)
    assert 2 == len(tree(root))
    assert "yes" == _answer("y\n", root, *to)
    assert ["mnist/live/main.0001.tlog"] == list(tree(root))
    assert 0 == run_syncd("clean", root, *to, "--yes").returncode


def _answer(text: str, root: Path, *to: str) -> str:
    """Run `clean` on a terminal and type something; tell whether it deleted."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "tidelog.syncd", "clean", str(root), *to]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave):
        os.close(slave)
        os.write(master, text.encode())
        shown = b""
        try:
            while block := os.read(master, 4096):
                shown += block
        except OSError:
            pass  # How a terminal says that nobody writes any more.
    os.close(master)
    assert b"delete 1 run" in shown, shown
    return "yes" if b"deleted: 1 run" in shown else "no"


def test_a_doubt_is_exit_code_1_and_named(tmp_path: Path) -> None:
    """The other runs are deleted all the same."""
    root, to = tmp_path / "root", ("--to", f"file://{tmp_path}/usb")
    RunSpec(root, run="good").rows(3).finish()
    odd = RunSpec(root, run="odd", seed=2).rows(3).finish()
    run_syncd("sync", root, *to)
    (odd.path / "notes.txt").write_text("mine")
    RunSpec(root, run="unsent", seed=3).rows(3).finish()
    let_it_be_old(root)
    found = document("clean", root, *to, "--yes", code=1)
    assert {"good": "deleted", "odd": "refused", "unsent": "refused"} == {
        run["run"]: run["state"] for run in found["runs"]
    }
    assert "notes.txt" in found["runs"][1]["doubts"][0]
    assert ["odd", "unsent"] == sorted(path.name for path in (root / "mnist").iterdir())


def test_what_an_earlier_command_left_is_finished_and_nothing_outside_is_touched(tmp_path: Path) -> None:
    """By the name of a root, a project or a run; a folder above the root is not looked into."""
    root, to = tmp_path / "root", ("--to", f"file://{tmp_path}/usb")
    RunSpec(root, run="kept").rows(3)
    outside = tmp_path / ".r1.0123abcd.deleted"
    outside.mkdir()
    for path in (root, root / "mnist", root / "mnist/gone"):
        left = root / "mnist/.gone.0123abcd.deleted"
        left.mkdir()
        (left / "main.0001.tlog").write_bytes(b"x")
        assert str(left) in document("clean", path, *to, "--yes")["swept"]
        assert ["kept"] == [each.name for each in (root / "mnist").iterdir()]
    assert outside.exists()


def test_what_cannot_be_written_down_is_not_deleted(tmp_path: Path) -> None:
    """Said once, with the remedy, and not for each run after all of them were proven."""
    root, to = tmp_path / "root", ("--to", f"file://{tmp_path}/usb")
    for number in range(3):
        RunSpec(root, run=f"r{number}", seed=number).rows(3).finish()
    run_syncd("sync", root, *to)
    let_it_be_old(root)
    before = tree(root)
    done = run_syncd("clean", root, *to, "--yes", XDG_STATE_HOME="/dev/null")
    assert (1, 1) == (done.returncode, done.stderr.count("cannot be written down in /dev/null")), done
    assert "set XDG_STATE_HOME" in done.stderr
    assert before == tree(root)


def test_a_target_that_is_away_deletes_nothing(tmp_path: Path) -> None:
    """Exit code 3."""
    RunSpec(tmp_path / "root").finish()
    let_it_be_old(tmp_path / "root")
    to = ("--to", "http://127.0.0.1:9")
    done = run_syncd("clean", tmp_path / "root", *to, "--yes", TIDELOG_API_KEY="k")
    assert (3, True) == (done.returncode, "cannot be reached" in done.stderr)
    assert tree(tmp_path / "root")


def test_a_daemon_that_has_something_to_send_is_asked(tmp_path: Path) -> None:
    """The run is on the stick; the daemon, whose hub is away, has not sent it."""
    root, to = tmp_path / "root", ("--to", f"file://{tmp_path}/usb")
    RunSpec(root).rows(3).finish()
    run_syncd("sync", root, *to)
    let_it_be_old(root)
    away = ("--to", "http://127.0.0.1:9")
    with SyncdProcess("start", "--root", root, *away, TIDELOG_API_KEY="k") as daemon:
        daemon.line_with("cannot be reached")
        found = document("clean", root, *to, "--yes", code=1)
        assert "a daemon has still to send mnist/r1/main.0001.tlog" in found["runs"][0]["doubts"][0]
        assert 0 == daemon.terminate()
    assert 1 == document("clean", root, *to, "--yes")["deleted"]


def test_a_daemon_that_is_silent_keeps_every_run(tmp_path: Path) -> None:
    """It may have one still to send to another target. It is asked once, not for each run."""
    root = tmp_path / "root"
    RunSpec(root).rows(3).finish()
    first, second = (Run(str(root / "mnist" / name), "mnist", name) for name in ("r1", "r2"))
    assert [] == StillToSend(Disk()).of(first)
    with SyncdProcess("start", "--root", root, "--to", f"file://{tmp_path}/usb") as daemon:
        daemon.line_with("uploads to")
        until(lambda: StillToSend(Disk()).of(first) == [])
        os.kill(daemon.pid, signal.SIGSTOP)
        word = StillToSend(Disk(), timeout_s=0.2)
        [said] = word.of(first)
        assert f"process {daemon.pid} is the daemon and does not answer" in said
        daemon.kill()
        assert [said] == word.of(second)


def test_a_run_that_goes_on_is_behind_and_not_different(tmp_path: Path) -> None:
    """What the target holds of it is equal; the exit code is 1 all the same."""
    root, to = tmp_path / "root", ("--to", f"file://{tmp_path}/usb")
    live = RunSpec(root).rows(3)
    RunSpec(root, run="done", seed=2).finish()
    run_syncd("sync", root, *to)
    assert "equal" == document("verify", root, *to)["state"]
    live.rows(2).media("late.png")
    found = document("verify", root, *to, code=1)
    assert ("behind", ["equal", "behind"]) == (found["state"], [run["state"] for run in found["runs"]])
    shown = run_syncd("verify", root, *to)
    assert "1 of 2 runs equal" in shown.stdout
    assert ", 1 behind" in shown.stdout
    held = tmp_path / "usb/mnist/done/main.0001.tlog"
    data = bytearray(held.read_bytes())
    data[70] ^= 1
    held.write_bytes(data)
    assert "different" == document("verify", root, *to, code=1)["state"]


def test_media_that_was_held_back_makes_no_receipt_and_no_failure(tmp_path: Path) -> None:
    """Nobody asked for a proof of what nobody wanted to send."""
    RunSpec(tmp_path / "root").media("a.png").finish()
    run_syncd("sync", tmp_path / "root", "--to", f"file://{tmp_path}/usb")
    done = run_syncd("sync", tmp_path / "usb", "--to", f"file://{tmp_path}/out", "--no-media")
    assert (0, False) == (done.returncode, (tmp_path / "usb/receipt.json").exists())


def test_ctrl_c_leaves_nothing_of_an_archive(tmp_path: Path) -> None:
    """One line, 130; an archive of that name that was there before stays."""
    RunSpec(tmp_path / "root").saved("m.npz", 80_000_000).finish()
    (tmp_path / "x.tar.zst").write_bytes(b"old")
    with SyncdProcess("pack", tmp_path / "root", "-o", tmp_path / "x.tar.zst") as process:
        until(lambda: list(tmp_path.glob("x.tar.zst.*.tmp")))
        os.kill(process.pid, signal.SIGINT)
        process.line_with("nothing is left")
        assert 130 == process.wait()
    assert ["root", "x.tar.zst"] == sorted(path.name for path in tmp_path.iterdir())
    assert b"old" == (tmp_path / "x.tar.zst").read_bytes()


def test_an_archive_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """A full disk, a folder that is not there: the words say so, and what to do."""
    RunSpec(tmp_path / "root").saved("m.npz", 300_000).finish()
    missing = run_syncd("pack", tmp_path / "root", "-o", tmp_path / "no/x.tar.zst")
    assert (1, True) == (missing.returncode, "No such file" in missing.stderr)
    script = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    script += "from tidelog.syncd.cli import main; sys.argv = sys.argv[1:]; main()"
    full = subprocess.run(
        [sys.executable, "-c", script, "syncd", "pack", tmp_path / "root", "-o", tmp_path / "x.tar.zst"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (1, True) == (full.returncode, "fewer runs at a time" in full.stderr), full.stderr
    assert ["root"] == [path.name for path in tmp_path.iterdir()]
