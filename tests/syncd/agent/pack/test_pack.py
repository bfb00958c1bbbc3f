"""Packing and unpacking: what arrives is what was written, whole or told."""

import asyncio
import subprocess
from pathlib import Path
from random import Random

import pytest
from agent_targets import OpenTarget, on_target, open_hub, open_root
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pack_lab import changed, hostile, pack, received_from, root_target, take_in, unpack, verdict_on
from run_spec import RunSpec, tree

from tidelog.datastore.replica_files import STAGED_DIGITS
from tidelog.syncd.agent.pack.arrival import NOT_ARRIVED
from tidelog.syncd.agent.pack.contents import Contents, PackedLog, PackedRun, PackError
from tidelog.syncd.agent.pack.unpack import GAP, OTHER_BYTES
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.held import RunContents
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import FileEntry

LOG = "mnist/r1/main.0001.tlog"


def make_run(root: Path, **kwargs: object) -> RunSpec:
    """A run with a log of several pieces, small files and one that travels in pieces."""
    run = RunSpec(root, **kwargs)  # type: ignore[arg-type]
    return run.rows(60).media("a.png").media("b.png").saved("model.npz", 9000)


def test_plain_tar_opens_a_full_pack_to_the_run_itself(tmp_path: Path) -> None:
    """The same bytes in the same places, beside the table of contents."""
    run = make_run(tmp_path / "root", project="mnist [1] ü").finish()
    pack(tmp_path / "x.tar.zst", run, RunSpec(tmp_path / "root", run="r2").finish())
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "--zstd", "-xf", tmp_path / "x.tar.zst", "-C", out], check=True)
    assert "tidelog-pack.json" in tree(out)
    assert tree(tmp_path / "root") == {k: v for k, v in tree(out).items() if "/" in k}


def test_what_is_packed_arrives_byte_for_byte(tmp_path: Path) -> None:
    """Into a root: logs, damage in the middle, small and large files, names of any kind."""
    root, out = tmp_path / "root", tmp_path / "out"
    specs = [
        make_run(root, run="r 1 ü").finish(),
        RunSpec(root, run="r2", seed=2).rows(9).damage(4).finish(),
    ]
    contents, findings = pack(tmp_path / "x", *specs)
    outcome = unpack(tmp_path / "x", root_target(out))
    assert ({}, "", {}) == (outcome.faults, outcome.ending, findings.left_out)
    assert tree(root) == tree(out)
    assert contents.size == sum(map(len, tree(root).values()))
    assert 1 == len(findings.damage)


def test_a_hub_takes_a_pack_as_a_root_does(tmp_path: Path) -> None:
    """Over HTTP, twice, with the same effect."""
    root = tmp_path / "root"
    pack(tmp_path / "x", make_run(root).finish())

    async def work() -> None:
        async with open_hub(tmp_path / "data") as target:
            for _ in range(2):
                outcome = await take_in(tmp_path / "x", target)
                assert ({}, 1) == (outcome.faults, len(outcome.held))

    asyncio.run(work())
    assert tree(root) == tree(tmp_path / "data")


def test_a_run_that_goes_on_is_packed_up_to_its_last_whole_chunk(tmp_path: Path) -> None:
    """The torn tail stays at home and is told; what comes later is in the next pack."""
    out = tmp_path / "out"
    run = make_run(tmp_path / "root").rows(3).tear(7)
    _, findings = pack(tmp_path / "one", run)
    assert [run.name] == [tail.log for _, tail in findings.torn]
    assert {} == unpack(tmp_path / "one", root_target(out)).faults
    (run.path / run.name).write_bytes(run.log.data)
    run.rows(5).media("late.png").finish()
    received = received_from(out, run)
    contents, _ = pack(tmp_path / "two", run, received=received)
    assert ["mnist/r1/media/images/late.png"] == [n for n, *_ in contents.members() if "tlog" not in n]
    assert (tmp_path / "two").stat().st_size < (tmp_path / "one").stat().st_size
    assert {} == unpack(tmp_path / "two", root_target(out)).faults
    assert tree(tmp_path / "root") == tree(out)


def test_nothing_is_new_after_all_of_it_was_received(tmp_path: Path) -> None:
    """The table is empty."""
    run = make_run(tmp_path / "root").finish()
    pack(tmp_path / "x", run)
    unpack(tmp_path / "x", root_target(tmp_path / "out"))
    contents, _ = pack(tmp_path / "y", run, received=received_from(tmp_path / "out", run))
    assert () == contents.runs


def test_a_missing_earlier_pack_is_told_and_can_come_later(tmp_path: Path) -> None:
    """The second alone brings nothing of the run; the first and then the second bring all."""
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    run = make_run(tmp_path / "root")
    pack(tmp_path / "one", run)
    unpack(tmp_path / "one", root_target(elsewhere))
    received = received_from(elsewhere, run)
    run.rows(9).media("late.png").finish()
    pack(tmp_path / "two", run, received=received)
    outcome = unpack(tmp_path / "two", root_target(out))
    assert {LOG, "mnist/r1/media/images/late.png"} == set(outcome.faults)
    assert all(GAP in reason for reason in outcome.faults.values())
    assert {} == tree(out)
    for name in ("one", "two", "one", "two"):
        assert {} == unpack(tmp_path / name, root_target(out)).faults
    assert tree(tmp_path / "root") == tree(out)


def test_an_old_pack_takes_no_later_version_of_a_file_back(tmp_path: Path) -> None:
    """The target holds more of the log, so its file is the later one; that is told and no fault."""
    out = tmp_path / "out"
    run = RunSpec(tmp_path / "root").saved("model.npz", 900)
    pack(tmp_path / "one", run)
    run.saved("model.npz", 5000).finish()
    pack(tmp_path / "two", run)
    for name, older in (("one", set()), ("two", set()), ("one", {"mnist/r1/files/model.npz"})):
        outcome = unpack(tmp_path / name, root_target(out))
        assert ({}, older) == (outcome.faults, outcome.older)
    assert tree(tmp_path / "root") == tree(out)


def test_another_log_under_the_same_name_is_kept_beside_it(tmp_path: Path) -> None:
    """As an agent does it; the next pack finds its twin again."""
    out = tmp_path / "out"
    first, second = RunSpec(tmp_path / "a").rows(5).finish(), RunSpec(tmp_path / "b", seed=2).rows(5)
    for spec in (first, second):
        pack(tmp_path / "x", spec)
        assert {} == unpack(tmp_path / "x", root_target(out)).faults
    second.rows(9).finish()
    pack(tmp_path / "y", second, received=received_from(out, second))
    assert {} == unpack(tmp_path / "y", root_target(out)).faults
    assert [] == verdict_on(first, out).differences
    assert [] == verdict_on(second, out).differences
    assert 2 == len(tree(out))


def test_what_differs_from_its_receipt_is_packed_whole_and_told(tmp_path: Path) -> None:
    """And the target keeps its own bytes: neither is overwritten."""
    out = tmp_path / "out"
    run = make_run(tmp_path / "root").finish()
    pack(tmp_path / "x", run)
    unpack(tmp_path / "x", root_target(out))
    before = tree(out)
    run.damage(3)
    _, findings = pack(tmp_path / "y", run, received=received_from(out, run))
    assert "not those that were received" in findings.left_out[LOG]
    assert "held with other bytes" in unpack(tmp_path / "y", root_target(out)).faults[LOG]
    assert before == tree(out)


def test_a_file_that_is_not_what_its_ledger_says_is_left_out(tmp_path: Path) -> None:
    """Gone, changed, or a log that is none: each with its reason; the others are packed."""
    run = make_run(tmp_path / "root").finish()
    (run.path / "media/images/a.png").write_bytes(b"changed")
    (run.path / "media/images/b.png").unlink()
    (run.path / "main.0002.tlog").write_bytes(b"x" * 100)
    contents, findings = pack(tmp_path / "x", run)
    names = {name.removeprefix("mnist/r1/") for name in findings.left_out}
    assert {"media/images/a.png", "media/images/b.png", "main.0002.tlog"} == names
    assert ["files/model.npz"] == [file.path for file in contents.runs[0].files]


def test_a_truncated_pack_keeps_what_is_whole(tmp_path: Path) -> None:
    """Cut at many places: whole chunks and files stay, the rest is named, and the whole pack goes on."""
    run = make_run(tmp_path / "root").finish()
    pack(tmp_path / "x", run)
    whole, expected = (tmp_path / "x").read_bytes(), tree(tmp_path / "root")
    random = Random(7)
    for number in range(25):
        out, cut = tmp_path / f"out{number}", tmp_path / "cut"
        cut.write_bytes(whole[: random.randrange(len(whole))])
        try:
            outcome = unpack(cut, root_target(out))
        except PackError:
            assert not out.exists()
            continue
        assert outcome.ending
        held = {name: data for name, data in tree(out).items() if not name.endswith(".tmp")}
        for name, data in held.items():
            assert expected[name].startswith(data)
            assert name in outcome.faults or data == expected[name]
        assert {name for name in expected if held.get(name) != expected[name]} == set(outcome.faults)
        assert {} == unpack(tmp_path / "x", root_target(out)).faults
        assert expected == tree(out)


def test_a_large_file_goes_on_where_a_cut_pack_ended(tmp_path: Path) -> None:
    """What was staged is not written again."""
    out = tmp_path / "out"
    run = RunSpec(tmp_path / "root").saved("model.npz", 20_000).finish()
    pack(tmp_path / "x", run)
    tar_end = changed(tmp_path / "x", lambda tar: tar[:-14_000])
    assert {"mnist/r1/files/model.npz": NOT_ARRIVED} == unpack(tar_end, root_target(out)).faults
    [staged] = [name for name in tree(out) if name.endswith(".tmp")]
    assert STAGED_DIGITS + len(".tmp") < len(staged)
    assert {} == unpack(tmp_path / "x", root_target(out)).faults
    assert tree(tmp_path / "root") == tree(out)


FILE = FileEntry("media/a.png", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
ONE_FILE = Contents(0.0, (PackedRun("mnist", "r1", (), (FILE,)),))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("../../etc/passwd", b"abc")], "../../etc/passwd"),
        ([("/etc/passwd", b"abc")], "/etc/passwd"),
        ([("mnist/r1/media/b.png", b"abc")], "b.png"),
        ([("mnist/r1/media/a.png", b"abcd")], "of 4 bytes"),
        ([], "it ends before mnist/r1/media/a.png"),
    ],
    ids=str,
)
def test_members_must_be_those_of_the_table(
    tmp_path: Path, members: list[tuple[str, bytes]], words: str
) -> None:
    """Whatever a member is called, it makes no path; what was expected is named as missing."""
    outcome = unpack(hostile(tmp_path / "x", ONE_FILE, members), root_target(tmp_path / "out"))
    assert words in outcome.ending
    assert {"mnist/r1/media/a.png": NOT_ARRIVED} == outcome.faults
    assert {} == tree(tmp_path / "out") if (tmp_path / "out").exists() else True
    assert ["out", "x"] == sorted({path.name for path in tmp_path.iterdir()} | {"out"})


def test_a_file_for_which_there_is_no_room_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    """All else is taken."""
    pack(tmp_path / "x", make_run(tmp_path / "root").finish())
    outcome = asyncio.run(take_in(tmp_path / "x", root_target(tmp_path / "out"), room=8999))
    [(name, reason)] = outcome.faults.items()
    assert ("mnist/r1/files/model.npz", True) == (name, "there is room for 8999" in reason)
    assert len(tree(tmp_path / "root")) - 1 == len(tree(tmp_path / "out"))


@pytest.mark.parametrize("open_any", [open_hub, open_root])
def test_wrong_bytes_are_never_put_in_place(open_any: OpenTarget, tmp_path: Path) -> None:
    """Of a log whose chunks do not hold, and of files small and large; nothing unfinished stays."""
    log = PackedLog("main.0001.tlog", "ab" * 16, 0, (500,), "cd" * 32)
    large = FileEntry("files/m.npz", 7000, "ab" * 32)
    contents = Contents(0.0, (PackedRun("mnist", "r1", (log,), (FILE, large)),))
    members = [
        (LOG, b"x" * 500),
        ("mnist/r1/media/a.png", b"abd"),
        ("mnist/r1/files/m.npz", b"y" * 7000),
    ]
    archive = hostile(tmp_path / "x", contents, members)

    async def work(target: Target) -> None:
        for _ in range(2):
            outcome = await take_in(archive, target)
            assert {LOG, "mnist/r1/media/a.png", "mnist/r1/files/m.npz"} == set(outcome.faults)
            assert OTHER_BYTES == outcome.faults["mnist/r1/media/a.png"]
            assert OTHER_BYTES == outcome.faults["mnist/r1/files/m.npz"]
            assert {} == tree(tmp_path / "out")

    on_target(open_any, tmp_path / "out", work)


def test_no_symbolic_link_is_followed(tmp_path: Path) -> None:
    """A root with a link in a run's place, or in a folder's, gives nothing through it."""
    out, victim = tmp_path / "out", tmp_path / "victim"
    victim.mkdir()
    for link in (out / "mnist", out / "mnist/r1", out / "mnist/r1/media"):
        link.parent.mkdir(parents=True)
        link.symlink_to(victim)
        archive = hostile(tmp_path / "x", ONE_FILE, [("mnist/r1/media/a.png", b"abc")])
        faults = unpack(archive, root_target(out)).faults
        assert "symbolic link" in faults["mnist/r1/media/a.png"]
        assert [] == list(victim.iterdir())
        link.unlink()


def test_what_is_no_pack_is_said_to_be_none(tmp_path: Path) -> None:
    """Another tar, another document, plain text."""
    for table in (b"{}", b"[]", b"\xff"):
        with pytest.raises(PackError):
            unpack(hostile(tmp_path / "x", table, []), root_target(tmp_path / "out"))
    (tmp_path / "x").write_bytes(b"hello" * 100)
    with pytest.raises(PackError, match="no zstd archive"):
        unpack(tmp_path / "x", root_target(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


steps = st.lists(
    st.sampled_from(
        ["rows", "media", "saved", "again", "log", "tear", "mend", "damage", "pack", "lose", "repeat"]
    ),
    min_size=3,
    max_size=14,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, st.integers(0, 999))
def test_whatever_happens_between_packs_all_of_it_arrives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], seed: int
) -> None:
    """A run goes on, is torn and damaged; packs get lost, come twice and late; one ends it."""
    place = tmp_path_factory.mktemp("packs")
    out, run = place / "out", RunSpec(place / "root", seed=seed)
    archives: list[Path] = []
    received: dict[Run, RunContents] = {}
    for number, step in enumerate(steps):
        if step in ("pack", "lose"):
            archives.append(place / f"{number}.tar.zst")
            pack(archives[-1], run, received=received)
        if step == "pack":
            unpack(archives[-1], root_target(out))
            received = received_from(out, run)
        elif step == "repeat" and archives:
            unpack(archives[seed % len(archives)], root_target(out))
        else:
            _go_on(run, step, number)
    _go_on(run, "mend", 0)
    pack(place / "last.tar.zst", run.finish(), received=received)
    outcome = unpack(place / "last.tar.zst", root_target(out))
    assert ({}, "") == (outcome.faults, outcome.ending)
    assert [] == verdict_on(run, out).differences
    for name, data in tree(place / "root").items():
        assert data == tree(out)[name], name


def _go_on(run: RunSpec, step: str, number: int) -> None:
    """Let the run do something; what is torn is first mended, as a writer would not go on there."""
    log = run.path / run.name
    if step != "tear" and log.stat().st_size < len(run.log.data):
        log.write_bytes(log.read_bytes() + run.log.data[log.stat().st_size :])
    if step == "rows":
        run.rows(1 + number)
    elif step == "media":
        run.media(f"{number}.png", 100 + number)
    elif step == "saved":
        run.saved(f"{number}.bin", 4000 + number)
    elif step == "again":
        run.saved("model.npz", 3000 + number)
    elif step == "log":
        run.finish().new_log(f"main.{number + 2:04d}.tlog")
    elif step == "damage":
        run.rows(1).damage(len(run.log.ends) - 1).rows(2)
    elif step == "tear":
        run.rows(1).tear(5)
