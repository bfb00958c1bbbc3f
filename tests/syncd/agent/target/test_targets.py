"""The contract of targets: one suite that a hub and another root both pass."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from agent_targets import OpenTarget, on_target
from log_spec import LOG_ID, LogSpec, log_of_every_kind
from run_spec import stored, tree

from tidelog.datastore.disk import Disk
from tidelog.datastore.replica_logs import HeldLog
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.target.contract import Piece, Target
from tidelog.syncd.agent.target.root_target import RootTarget
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.upload.state import MemoryState
from tidelog.syncd.bodies import FileEntry, SmallFile

RUN = Run("/anywhere", "mnist [1] ä", "r 1%2F")
NAME = "main.0001.tlog"
LOG = log_of_every_kind()
DATA = b"x" * 700
ENTRY = FileEntry("media/images/ä b.png", 700, hashlib.sha256(DATA).hexdigest())


def piece(start: int, end: int, data: bytes = LOG.data, **kwargs: Any) -> Piece:
    return Piece(kwargs.pop("log_id", LOG_ID), start, data[start:end], **kwargs)


def test_nothing_is_held_at_first(open_any: OpenTarget, tmp_path: Path) -> None:
    """Every question about what is not there has an answer."""

    async def work(target: Target) -> None:
        assert await target.held_log(RUN, NAME) is None
        assert {ENTRY.path} == await target.missing(RUN, [ENTRY])
        assert 0 == await target.held_file(RUN, ENTRY)
        assert await target.contents(RUN) is None

    on_target(open_any, tmp_path, work)


def test_a_log_arrives_byte_for_byte(open_any: OpenTarget, tmp_path: Path) -> None:
    """Appended in pieces; the target says how far, whose it is, and with which digest."""

    async def work(target: Target) -> None:
        cut = LOG.ends[5]
        assert cut == await target.append(RUN, NAME, piece(0, cut))
        held = HeldLog(cut, LOG_ID, hashlib.sha256(LOG.data[:cut]).digest())
        assert held == await target.held_log(RUN, NAME)
        assert len(LOG.data) == await target.append(RUN, NAME, piece(cut, len(LOG.data)))

    on_target(open_any, tmp_path, work)
    assert LOG.data == tree(tmp_path)[f"{RUN.project}/{RUN.name}/{NAME}"]


def test_a_root_that_was_unmounted_is_an_outage(tmp_path: Path) -> None:
    """Its mount point is a folder like any other, and must take no run, also after a restart."""
    data, state, name = tmp_path / "usb", MemoryState(), f"file://{tmp_path}/usb"

    async def work() -> None:
        target = RootTarget(name, str(data), disk=Disk(), begun=state)
        assert await target.held_log(RUN, NAME) is None
        await target.append(RUN, NAME, piece(0, len(LOG.data)))
        data.rename(tmp_path / "away")
        data.mkdir()
        for each in (target, RootTarget(name, str(data), disk=Disk(), begun=state)):
            with pytest.raises(SetbackError) as caught:
                await each.held_log(RUN, NAME)
            assert Course.OUTAGE is caught.value.setback.course
            with pytest.raises(SetbackError, match="mount its disk"):
                await each.append(RUN, NAME, piece(0, len(LOG.data)))
        assert [] == list(data.iterdir())
        data.rmdir()
        (tmp_path / "away").rename(data)
        held = await target.held_log(RUN, NAME)
        assert held is not None
        assert len(LOG.data) == held.offset

    asyncio.run(work())


def test_the_same_append_twice_has_the_effect_of_one(open_any: OpenTarget, tmp_path: Path) -> None:
    """An answer may be lost after the target has stored."""

    async def work(target: Target) -> None:
        for _ in range(2):
            assert LOG.ends[3] == await target.append(RUN, NAME, piece(0, LOG.ends[3]))
        everything = piece(0, len(LOG.data))
        assert len(LOG.data) == await target.append(RUN, NAME, everything)

    on_target(open_any, tmp_path, work)
    assert LOG.data == tree(tmp_path)[f"{RUN.project}/{RUN.name}/{NAME}"]


@pytest.mark.parametrize(
    ("first", "second", "course"),
    [
        ((0, 3), {"start": 5, "end": 6}, Course.ASK),
        ((0, 3), {"start": 3, "end": 4, "log_id": b"y" * 16}, Course.ASK),
        ((0, 3), {"start": 3, "end": 4, "cut": 1}, Course.PARK),
        ((0, 3), {"start": 3, "end": 4, "flip": 25}, Course.PARK),
        ((0, 3), {"start": 2, "end": 4, "flip": 25}, Course.PARK),
    ],
    ids=["offset", "other log", "torn chunk", "undeclared damage", "other bytes"],
)
def test_what_does_not_continue_the_log_is_refused(
    open_any: OpenTarget,
    tmp_path: Path,
    first: tuple[int, int],
    second: dict[str, Any],
    course: Course,
) -> None:
    """And nothing of it is written."""
    at = [40, *LOG.ends]
    start, end = at[second["start"]], at[second["end"]] - second.get("cut", 0)
    data = bytearray(LOG.data)
    if "flip" in second:
        data[start + second["flip"]] ^= 1
    bad = piece(start, end, bytes(data), log_id=second.get("log_id", LOG_ID))

    async def work(target: Target) -> None:
        await target.append(RUN, NAME, piece(0, at[first[1]]))
        with pytest.raises(SetbackError) as caught:
            await target.append(RUN, NAME, bad)
        assert course is caught.value.setback.course

    on_target(open_any, tmp_path, work)
    assert LOG.data[: at[3]] == tree(tmp_path)[f"{RUN.project}/{RUN.name}/{NAME}"]


def test_declared_damage_travels(open_any: OpenTarget, tmp_path: Path) -> None:
    """A flipped bit arrives as it is."""
    data = bytearray(LOG.data)
    data[LOG.starts[4] + 25] ^= 1
    damage = [(LOG.starts[4], LOG.ends[4] - LOG.starts[4])]

    async def work(target: Target) -> None:
        await target.append(RUN, NAME, piece(0, len(data), bytes(data), damage=damage))

    on_target(open_any, tmp_path, work)
    assert bytes(data) == tree(tmp_path)[f"{RUN.project}/{RUN.name}/{NAME}"]


def test_small_files_arrive_in_one_body(open_any: OpenTarget, tmp_path: Path) -> None:
    """Only those that the target lacks are asked for."""
    other = FileEntry("files/leer.txt", 0, hashlib.sha256(b"").hexdigest())

    async def work(target: Target) -> None:
        files = [SmallFile(ENTRY.path, ENTRY.sha256, DATA), SmallFile(other.path, other.sha256, b"")]
        assert {ENTRY.path, other.path} == await target.put_batch(RUN, files)
        newer = ENTRY._replace(sha256="00" * 32)
        assert set() == await target.missing(RUN, [ENTRY, other])
        assert {ENTRY.path} == await target.missing(RUN, [newer, other])

    on_target(open_any, tmp_path, work)
    below = f"{RUN.project}/{RUN.name}"
    assert {f"{below}/{ENTRY.path}": DATA, f"{below}/{other.path}": b""} == tree(tmp_path)


def test_a_large_file_appears_with_its_last_piece(open_any: OpenTarget, tmp_path: Path) -> None:
    """Until then only the target knows of it; it can be gone on with."""
    place = tmp_path / RUN.project / RUN.name / ENTRY.path

    async def work(target: Target) -> None:
        assert 300 == await target.put_piece(RUN, ENTRY, 0, DATA[:300])
        assert not place.exists()
        assert 300 == await target.held_file(RUN, ENTRY)
        assert 700 == await target.put_piece(RUN, ENTRY, 300, DATA[300:])
        assert 700 == await target.held_file(RUN, ENTRY)
        assert set() == await target.missing(RUN, [ENTRY])

    on_target(open_any, tmp_path, work)
    assert DATA == place.read_bytes()
    assert [place.name] == [path.name for path in place.parent.iterdir()]


def test_a_large_file_whose_last_piece_was_staged_needs_no_more_bytes(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """A target that died after the last piece and before the file appeared is told the end again."""
    digest = ENTRY.sha256[:16]

    async def work(target: Target) -> None:
        await target.put_piece(RUN, ENTRY, 0, DATA[:300])
        place = tmp_path / RUN.project / RUN.name / ENTRY.path
        place.with_name(f"{place.name}.{digest}.tmp").write_bytes(DATA)
        assert 700 == await target.held_file(RUN, ENTRY)
        assert {ENTRY.path} == await target.missing(RUN, [ENTRY])
        assert 700 == await target.put_piece(RUN, ENTRY, 700, b"")
        assert DATA == place.read_bytes()

    on_target(open_any, tmp_path, work)


def test_a_large_file_that_is_not_what_its_digest_says_never_appears(
    open_any: OpenTarget, tmp_path: Path
) -> None:
    """The digest holds, or nothing is there."""

    async def work(target: Target) -> None:
        with pytest.raises(SetbackError) as caught:
            await target.put_piece(RUN, ENTRY, 0, b"y" * 700)
        assert Course.AGAIN is caught.value.setback.course

    on_target(open_any, tmp_path, work)
    assert {} == stored(tmp_path)


def test_a_gap_in_a_large_file_is_asked_about(open_any: OpenTarget, tmp_path: Path) -> None:
    """The target's offset is the truth."""

    async def work(target: Target) -> None:
        await target.put_piece(RUN, ENTRY, 0, DATA[:300])
        with pytest.raises(SetbackError) as caught:
            await target.put_piece(RUN, ENTRY, 400, DATA[400:])
        assert Course.ASK is caught.value.setback.course

    on_target(open_any, tmp_path, work)


def test_contents_are_read_from_the_disk(open_any: OpenTarget, tmp_path: Path) -> None:
    """Rows, chunks, bytes and SHA-256 of what is there at that moment."""

    async def work(target: Target) -> None:
        await target.append(RUN, NAME, piece(0, len(LOG.data)))
        await target.put_batch(RUN, [SmallFile(ENTRY.path, ENTRY.sha256, DATA)])
        (tmp_path / RUN.project / RUN.name / ENTRY.path).write_bytes(b"changed")
        contents = await target.contents(RUN)
        assert contents is not None
        [log], [file] = contents.logs, contents.files
        digest = hashlib.sha256(LOG.data).hexdigest()
        assert (NAME, LOG_ID.hex(), len(LOG.data), len(LOG.ends), digest) == (
            log.name,
            log.log_id,
            log.size,
            log.chunks,
            log.sha256,
        )
        assert 7 == log.rows
        assert hashlib.sha256(b"changed").hexdigest() == file.sha256

    on_target(open_any, tmp_path, work)


def test_names_outside_the_grammar_are_parked(open_any: OpenTarget, tmp_path: Path) -> None:
    """A target never makes a path of what it was not meant to."""

    async def work(target: Target) -> None:
        for run, name in ((RUN._replace(project=".."), NAME), (RUN, "evil.tlog"), (RUN, "run.json")):
            with pytest.raises(SetbackError) as caught:
                await target.append(run, name, Piece(LOG_ID, 0, LogSpec().data))
            assert Course.PARK is caught.value.setback.course

    on_target(open_any, tmp_path / "data", work)
    assert ["data"] == [path.name for path in tmp_path.iterdir()] or [] == list(tmp_path.iterdir())
