"""Deleting runs: what is proven goes, whatever else happens stays where it was."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from agent_targets import open_hub
from looking import inventory_of
from pack_lab import pack, root_target, run_of, unpack
from run_spec import RunSpec, tree

from tidelog.datastore import Reader, open_root
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk, StrPath
from tidelog.datastore.replica import Replica
from tidelog.syncd.agent.home import logs_at_home
from tidelog.syncd.agent.plan.retry import SetbackError
from tidelog.syncd.agent.proof.clean import PROOF_AGE_MAX_S, ChangedError, Cleaner, Finding
from tidelog.syncd.agent.proof.departure import DELETED, LEAVING, delete, set_aside, sweep
from tidelog.syncd.agent.proof.receipt import Attested
from tidelog.syncd.agent.proof.receipts import ReceiptWitness, add_to_receipt, open_receipts
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.watch.inventory import Look

LONG_AGO_S = 1_700_000_000.0
WEEK_S = 7 * 86_400.0


class Later(Clock):
    """The machine's clock, some days on: the runs of these tests are then old."""

    def __init__(self) -> None:
        self.ahead_s = 30 * 86_400.0

    def now(self) -> float:
        return super().now() + self.ahead_s


class Lab:
    """A root with a run, another root that holds it, and a cleaner."""

    def __init__(self, place: Path) -> None:
        self.root, self.out, self.state = place / "root", place / "out", place / "state"
        self.run = RunSpec(self.root).rows(20).media("a.png").saved("m.npz", 5000).finish()
        (self.run.path / "run.json").write_text("{}")
        self.clock = Later()
        self.arrive()

    def arrive(self) -> None:
        pack(self.root.parent / "x", self.run)
        unpack(self.root.parent / "x", root_target(self.out))

    def cleaner(
        self,
        witness: Target | ReceiptWitness | None = None,
        disk: Disk | None = None,
        *,
        pending: str = "",
    ) -> Cleaner:
        return Cleaner(
            witness or root_target(self.out),
            disk=disk or Disk(),
            clock=self.clock,
            state=str(self.state),
            older_than_s=WEEK_S,
            takes_crashed=True,
            pending=lambda _: [pending] if pending else [],
        )

    def examine(self, cleaner: Cleaner | None = None) -> Finding:
        run = run_of(self.run)
        return asyncio.run((cleaner or self.cleaner()).examine(run, logs_at_home(run, Disk())))

    def clean(self, cleaner: Cleaner | None = None) -> Finding:
        cleaner = cleaner or self.cleaner()
        finding = self.examine(cleaner)
        asyncio.run(cleaner.delete(finding))
        return finding

    def receipt(self) -> ReceiptWitness:
        target = root_target(self.out)
        held = asyncio.run(target.contents(run_of(self.run)))
        assert held is not None
        word = Attested(target.name, 1_795_000_000.0, "mnist", "r1", held, target.root_id)
        add_to_receipt(str(self.root / "receipt.json"), [word], Disk())
        return open_receipts(str(self.root), Disk())


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_a_run_that_is_proven_is_deleted_and_written_down(lab: Lab) -> None:
    """The book says before and after what goes, and by which proof."""
    finding = lab.clean()
    assert ([], True) == (list((lab.root / "mnist").iterdir()), finding.is_deleted)
    lines = [json.loads(line) for line in (lab.state / "cleaned.jsonl").read_text().splitlines()]
    assert ["deleting", "deleted"] == [line["state"] for line in lines]
    assert (f"file://{lab.out}", "r1", 2) == (
        lines[0]["proof"]["target"],
        lines[0]["run"],
        lines[0]["files"],
    )
    assert 64 == len(lines[0]["logs"][0]["sha256"])
    assert 0o600 == (lab.state / "cleaned.jsonl").stat().st_mode & 0o777


def test_the_link_to_the_latest_run_goes_with_it(lab: Lab) -> None:
    """And stays where it leads to another."""
    RunSpec(lab.root, run="later", seed=3)
    (lab.root / "latest").symlink_to("mnist/later")
    lab.clean()
    assert "later" == (lab.root / "latest").resolve().name
    (lab.root / "mnist/later").rename(lab.run.path)
    lab.run = RunSpec(lab.root, run="later", seed=4).finish()
    (lab.root / "mnist/r1").rename(lab.root / "mnist/earlier")
    lab.arrive()
    lab.clean()
    assert not (lab.root / "latest").is_symlink()


def test_a_hub_proves_as_well_as_a_root(tmp_path: Path) -> None:
    """Asked now, over HTTP."""
    lab = Lab(tmp_path)

    async def work() -> None:
        async with open_hub(lab.out) as target:
            cleaner, run = lab.cleaner(target), run_of(lab.run)
            finding = await cleaner.examine(run, logs_at_home(run, Disk()))
            assert finding.is_due, finding.doubts
            await cleaner.delete(finding)

    asyncio.run(work())
    assert not lab.run.path.exists()
    assert tree(lab.out)


def test_a_receipt_proves_what_it_says_and_no_more(lab: Lab) -> None:
    """Its digests must be those of the bytes here now."""
    receipt = lab.receipt()
    assert lab.examine(lab.cleaner(receipt)).is_due
    lab.run.new_log("main.0002.tlog").finish()
    [doubt] = lab.examine(lab.cleaner(receipt)).doubts
    assert "main.0002.tlog" in doubt
    (lab.run.path / "main.0002.tlog").unlink()
    assert lab.clean(lab.cleaner(receipt)).is_deleted


@pytest.mark.parametrize("place", ["main.0001.tlog", "media/images/a.png", "files/m.npz"])
@pytest.mark.parametrize("end", ["root", "out"])
def test_one_bit_at_either_end_is_a_doubt(lab: Lab, place: str, end: str) -> None:
    """Whatever size and time say."""
    file = getattr(lab, end) / "mnist/r1" / place
    status, data = file.stat(), bytearray(file.read_bytes())
    data[200] ^= 1
    file.write_bytes(data)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert lab.examine().doubts


def test_a_run_that_goes_on_or_changed_lately_is_kept(tmp_path: Path) -> None:
    """Without a doubt: it is not due."""
    lab = Lab(tmp_path)
    lab.clock.ahead_s = 0.0
    assert "younger" in lab.examine().kept
    lab.clock.ahead_s = 30 * 86_400.0
    (lab.run.path / "run.json").touch()
    os.utime(lab.run.path / "run.json", (lab.clock.now(), lab.clock.now()))
    assert "younger" in lab.examine().kept


def test_what_a_daemon_has_still_to_send_stays(lab: Lab) -> None:
    """It is asked about every run."""
    assert ["a daemon has it"] == lab.examine(lab.cleaner(pending="a daemon has it")).doubts


def test_a_link_is_never_followed(lab: Lab, tmp_path: Path) -> None:
    """Neither to a file nor to a folder; the run is refused."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x")
    (lab.run.path / "files" / "link").symlink_to(victim)
    assert ["files/link"] == [doubt.split(":")[0] for doubt in lab.examine().doubts]
    aside = set_aside(str(lab.run.path), Disk())
    delete(aside, Disk())
    assert "x" == (victim / "precious").read_text()


def test_a_hubs_data_folder_is_never_cleaned(lab: Lab) -> None:
    """It is where runs are uploaded to."""
    (lab.root / ".hub").mkdir()
    assert "data folder of a hub" in lab.examine().doubts[0]


def test_a_root_is_no_proof_of_itself(lab: Lab, tmp_path: Path) -> None:
    """Neither asked under another path, nor by the receipt that it gave."""
    (tmp_path / "alias").symlink_to(lab.out)
    run = run_of(lab.run)._replace(path=str(lab.out / "mnist/r1"))

    async def examine(witness: Target | ReceiptWitness) -> Finding:
        return await lab.cleaner(witness).examine(run, [lab.run.name])

    for witness in (root_target(tmp_path / "alias"), lab.receipt()):
        assert "this very root" in asyncio.run(examine(witness)).doubts[0]


def test_a_target_that_loses_the_run_with_us_is_no_target(lab: Lab, tmp_path: Path) -> None:
    """Without a lock file nothing tells the two apart, until the run is set aside: it is put back."""
    os.remove(lab.out / ".tidelog.lock")
    (tmp_path / "alias").symlink_to(lab.out)
    lab.root, lab.run.path = lab.out, lab.out / "mnist/r1"
    with pytest.raises(ChangedError, match="no other copy"):
        lab.clean(lab.cleaner(RootTarget("file:///alias", str(tmp_path / "alias"), disk=_NoLock())))
    assert lab.run.path.exists()


class _NoLock(Disk):
    """A disk on which a root has no name, as one that another program filled."""

    def is_file(self, path: StrPath) -> bool:
        return not os.fspath(path).endswith(".lock") and super().is_file(path)

    def stat(self, path: StrPath) -> os.stat_result:
        if "alias" in os.fspath(path):  # Mounted twice, the same folder has two device numbers.
            fields = list(super().stat(path))
            fields[2] = 0
            return os.stat_result(fields)
        return super().stat(path)


class _Meddler(Disk):
    """A disk on which somebody does something when a run is renamed."""

    def __init__(self, suffix: str, meddle: Callable[[str], None]) -> None:
        self._suffix = suffix
        self._meddle = meddle

    def rename(self, source: StrPath, target: StrPath) -> None:
        super().rename(source, target)
        if os.fspath(target).endswith(self._suffix):
            self._meddle(os.fspath(target))


def test_what_changes_after_the_proof_is_put_back(lab: Lab) -> None:
    """A writer whose file is open still writes to it; one more look at what was set aside tells."""

    def write(aside: str) -> None:
        with Path(aside, "main.0001.tlog").open("ab") as file:
            file.write(b"more")

    before = tree(lab.root)
    with pytest.raises(ChangedError, match=r"main\.0001\.tlog changed after it was proven"):
        lab.clean(lab.cleaner(disk=_Meddler(LEAVING, write)))
    assert before.keys() == tree(lab.root).keys()


def test_a_proof_that_has_grown_old_is_asked_for_again(lab: Lab) -> None:
    """The person took an hour to say yes, and the target was damaged meanwhile."""
    cleaner = lab.cleaner()
    finding = lab.examine(cleaner)
    assert finding.is_due
    (lab.out / "mnist/r1/main.0001.tlog").write_bytes(b"")
    lab.clock.ahead_s += PROOF_AGE_MAX_S + 1
    with pytest.raises(ChangedError):
        asyncio.run(cleaner.delete(finding))
    assert lab.run.path.exists()


def test_a_target_that_goes_away_leaves_the_run(lab: Lab) -> None:
    """Between the proof and the deletion."""
    cleaner = lab.cleaner()
    finding = lab.examine(cleaner)
    lab.out.rename(lab.out.with_name("away"))
    with pytest.raises((ChangedError, SetbackError)):
        asyncio.run(cleaner.delete(finding))
    assert lab.run.path.exists()


def test_what_was_set_aside_is_passed_over_by_everybody(lab: Lab) -> None:
    """Reader, listings, watchers, replicas."""
    for word in (LEAVING, DELETED):
        aside = Path(set_aside(str(lab.run.path), Disk()))
        aside = aside.rename(str(aside).replace(LEAVING, word))
        RunSpec(lab.root, run="other", seed=3).finish()
        assert ["other"] == [info.id for info in open_root(lab.root)]
        assert ["other"] == [run.run for run in Replica(lab.root).runs()]
        inventory = inventory_of(lab.root)
        found = [log for logs in inventory.look(Look.SWEEP) for log in logs]
        assert ["other"] == [log.run.name for log in found]
        aside.rename(lab.run.path)
        delete(set_aside(str(lab.root / "mnist/other"), Disk()), Disk())


def test_a_sweep_puts_back_what_was_not_sure_and_deletes_what_was(lab: Lab) -> None:
    """After a kill at either moment; what is in the way of putting back stays, and is told."""
    project = lab.root / "mnist"
    aside = set_aside(str(lab.run.path), Disk())
    assert [str(lab.run.path)] == sweep(str(project), Disk()).put_back
    assert "finished" == Reader(lab.run.path).state
    aside = set_aside(str(lab.run.path), Disk())
    RunSpec(lab.root)
    assert [aside] == sweep(str(project), Disk()).stuck
    os.rename(aside, aside.replace(LEAVING, DELETED))
    assert 1 == len(sweep(str(project), Disk()).deleted)
    assert [lab.run.path] == list(project.iterdir())


def test_a_sweep_leaves_what_it_does_not_know(tmp_path: Path) -> None:
    """Hidden folders of others, files, and links with such a name."""
    (tmp_path / ".r1.0123abcd.deleted").write_text("a file")
    (tmp_path / ".r2.0123abcd.deleted").symlink_to(tmp_path)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".r1.deleted").mkdir()
    (tmp_path / "..0123abcd.deleted").mkdir()
    assert ([], [], []) == sweep(str(tmp_path), Disk())
    assert 5 == len(list(tmp_path.iterdir()))
