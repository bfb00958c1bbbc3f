"""Deleting runs: out of sight at once, back within a week, never half, never by somebody else."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from log_spec import LogSpec
from waiting import PATIENCE_S

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.hub.guard.audit import CONSOLE, Audit
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.hub.receive.run_gate import RunGate
from tidelog.syncd.hub.receive.store import Store
from tidelog.syncd.hub.remove.deletion import Deletion
from tidelog.syncd.hub.remove.tombstones import Tombstone
from tidelog.syncd.hub.web.address import RunAddress

RUN = "/v1/projects/mnist/runs/r1"
ADDRESS = RunAddress("mnist", "r1")
DATA = LogSpec().row({"a": 1}, step=0).data
DAY_S = 86400.0


class SetClock(Clock):
    def __init__(self) -> None:
        self.time = 1_000_000.0

    def now(self) -> float:
        return self.time


def what_was_done(hub) -> list[str]:
    return [f"{e['what']} {e['on']}" for e in hub.server.keys.audit.entries() if e["what"][:3] == "run"]


def file_call(data: bytes = b"1") -> tuple[str, bytes, dict[str, str]]:
    sha256 = hashlib.sha256(data).hexdigest()
    fields = {"Upload-Length": str(len(data)), "Upload-Complete": "?1"}
    return f"{RUN}/files/media/a?sha256={sha256}", data, fields


# -- over the wire -------------------------------------------------------------------------------


def test_a_deleted_run_is_gone_from_every_answer(hub) -> None:
    """It lies whole in the trash; the audit log says by whom."""
    hub.append(0, DATA)
    hub.call("PUT", *file_call())
    answer = hub.call("DELETE", RUN)
    assert (200, "r1") == (answer.status, answer.json["run"])
    assert [] == hub.call("GET", "/v1/runs").json["runs"]
    for method, path in (
        ("GET", RUN),
        ("HEAD", f"{RUN}/logs/main.0001.tlog"),
        ("GET", f"{RUN}/files/media/a"),
        ("DELETE", RUN),
    ):
        assert 404 == hub.call(method, path).status
    (kept,) = (hub.data / ".hub/trash").glob("*/mnist/r1")
    assert (DATA, b"1") == ((kept / "main.0001.tlog").read_bytes(), (kept / "media/a").read_bytes())
    assert ["run.deleted mnist/r1"] == what_was_done(hub)


def test_nobody_brings_a_deleted_run_back_by_writing_to_it(hub) -> None:
    """410 with what to do: an agent parks it; other runs of the project go on."""
    hub.append(0, DATA)
    hub.call("DELETE", RUN)
    for answer in (
        hub.append(0, DATA),
        hub.append(len(DATA), b""),
        hub.call("PUT", *file_call()),
        hub.call("POST", f"{RUN}/files:missing", b'{"files": []}'),
        hub.call("POST", f"{RUN}/files:batch", b""),
    ):
        assert (410, "gone") == (answer.status, answer.slug)
        assert "was deleted here at" in answer.json["detail"]
        assert "syncd restore mnist/r1" in answer.json["detail"]
    assert not (hub.data / "mnist/r1").exists()
    assert 200 == hub.append(0, DATA, name=("mnist", "r2", "main.0001.tlog")).status


def test_a_restored_run_is_as_it_was_and_goes_on(hub) -> None:
    """Its log takes up where it was."""
    hub.append(0, DATA)
    before = hub.call("GET", RUN).json
    hub.call("DELETE", RUN)
    answer = hub.call("POST", f"{RUN}/restore")
    assert (200, True) == (answer.status, answer.json["restored"])
    assert before == hub.call("GET", RUN).json
    more = LogSpec().row({"a": 1}, step=0).row({"a": 2}, step=1).data
    assert len(more) == hub.append(0, more).json["upload_offset"]
    assert 404 == hub.call("POST", f"{RUN}/restore").status
    assert ["run.deleted mnist/r1", "run.restored mnist/r1"] == what_was_done(hub)


def test_a_run_is_deleted_and_restored_again_and_again(hub) -> None:
    """Each time it is the whole run."""
    hub.append(0, DATA)
    for _ in range(3):
        assert 200 == hub.call("DELETE", RUN).status
        assert hub.call("POST", f"{RUN}/restore").json["restored"]
    assert len(DATA) == int(hub.call("HEAD", f"{RUN}/logs/main.0001.tlog").headers["Upload-Offset"])


@pytest.mark.parametrize(
    ("role", "project", "expected"),
    [("write", "*", 403), ("read", "mnist", 403), ("admin", "other", 404), ("admin", "mn*", 200)],
)
def test_only_an_admin_of_its_project_deletes_a_run(hub, role: str, project: str, expected: int) -> None:
    """To others it is forbidden, or not there."""
    hub.append(0, DATA)
    secret = hub.server.keys.create("k", role=role, project=project)
    assert expected == hub.call("DELETE", RUN, key=secret).status
    assert (expected != 200) == (hub.data / "mnist/r1").exists()
    if expected == 200:
        other = hub.server.keys.create("other", role="write")
        assert 403 == hub.call("POST", f"{RUN}/restore", key=other).status


# -- time, crashes, others at the same moment ----------------------------------------------------


def on_store(data: Path, work, *, clock: Clock | None = None):
    async def run():
        store = Store(data, limits=HubLimits())
        audit = Audit(data / ".hub", disk=Disk(), clock=clock or Clock())
        try:
            return await work(store, Deletion(store, audit, clock=clock or Clock()))
        finally:
            store.close()

    return asyncio.run(run())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / ".hub").mkdir()
    (tmp_path / "mnist/r1").mkdir(parents=True)
    (tmp_path / "mnist/r1/main.0001.tlog").write_bytes(DATA)
    return tmp_path


def test_after_a_week_the_trash_is_swept_and_the_tombstone_stays(data: Path) -> None:
    """Restoring then only lets the run be uploaded again."""
    clock = SetClock()

    async def work(store: Store, deletion: Deletion) -> bool | None:
        await deletion.delete(ADDRESS, CONSOLE)
        clock.time += 7 * DAY_S
        await deletion.tidy(7 * DAY_S)
        assert list((data / ".hub/trash").iterdir())
        clock.time += 1
        await deletion.tidy(7 * DAY_S)
        assert [] == list((data / ".hub/trash").iterdir())
        assert store.tombstones.of(ADDRESS) is not None
        return await deletion.restore(ADDRESS, CONSOLE)

    assert on_store(data, work, clock=clock) is False
    whats = [e["what"] for e in Audit(data / ".hub", disk=Disk(), clock=clock).entries()]
    assert ["run.deleted", "run.swept", "run.restored"] == whats


def test_a_deletion_that_a_crash_cut_short_is_finished(data: Path) -> None:
    """The tombstone was set, the run was still in its place."""

    async def work(store: Store, deletion: Deletion) -> None:
        store.tombstones.put(ADDRESS, Tombstone(1000.0, "1000-aa"))
        await deletion.tidy(7 * DAY_S * 1e6)

    on_store(data, work)
    assert not (data / "mnist/r1").exists()
    assert DATA == (data / ".hub/trash/1000-aa/mnist/r1/main.0001.tlog").read_bytes()


def test_what_lies_in_the_trash_under_other_names_is_left_alone(data: Path) -> None:
    """Only names that say when are swept."""
    for name in ("keep", "x-1", "²-1"):
        (data / ".hub/trash" / name).mkdir(parents=True)
    on_store(data, lambda store, deletion: deletion.tidy(0.0))
    assert 3 == len(list((data / ".hub/trash").iterdir()))


def test_a_link_in_the_place_of_a_run_is_not_followed(data: Path, tmp_path: Path) -> None:
    """Neither to be deleted nor to be restored over."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (data / "mnist/r2").symlink_to(outside)

    async def work(store: Store, deletion: Deletion) -> None:
        with pytest.raises(Exception, match="is a symbolic link"):
            await deletion.delete(RunAddress("mnist", "r2"), CONSOLE)

    on_store(data, work)
    assert outside.is_dir()


def test_who_wants_a_run_alone_waits_for_those_who_use_it_and_keeps_others_out() -> None:
    """Who comes later waits until it is done; other runs are not kept waiting."""
    order: list[str] = []

    async def work() -> None:
        gate, used, may_leave = RunGate(), asyncio.Event(), asyncio.Event()

        async def user() -> None:
            async with gate.use("r"):
                used.set()
                await may_leave.wait()
                order.append("first")

        async def alone(name: str) -> None:
            async with gate.alone("r"):
                order.append(name)
                await asyncio.sleep(0)
                order.append(name)

        async def late() -> None:
            async with gate.use("r"):
                order.append("late")

        tasks = [asyncio.create_task(user())]
        await used.wait()
        tasks += [asyncio.create_task(alone("a")), asyncio.create_task(alone("b"))]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(late()))
        async with gate.use("other"):
            order.append("other")
        may_leave.set()
        await asyncio.gather(*tasks)
        assert "0 runs" in repr(gate)

    asyncio.run(asyncio.wait_for(work(), PATIENCE_S))
    assert ["other", "first", "a", "a"] == order[:4]
    assert {"b", "late"} == set(order[4:])
    assert order.index("b") + 1 == len(order) - 1 - order[::-1].index("b")


class DyingDisk(Disk):
    """Dies at a call that changes something, and stays dead; what was done before is done."""

    def __init__(self, calls: int) -> None:
        self.calls_left = calls

    def _live(self) -> None:
        self.calls_left -= 1
        if self.calls_left < 0:
            raise DeadError

    def create(self, path, *, mode=0o666):
        self._live()
        return super().create(path, mode=mode)

    def open_update(self, path, *, mode=0o666):
        self._live()
        return super().open_update(path, mode=mode)

    def pwrite(self, fd, data, offset):
        self._live()
        return super().pwrite(fd, data, offset)

    def mkdir(self, path, *, mode=0o777):
        self._live()
        super().mkdir(path, mode=mode)

    def move(self, source, target):
        self._live()
        super().move(source, target)

    def remove(self, path):
        self._live()
        super().remove(path)

    def sync_directory(self, path):
        self._live()
        super().sync_directory(path)


class DeadError(BaseException):
    pass


def copies_of_the_run(data: Path) -> list[bytes]:
    return [path.read_bytes() for path in data.rglob("main.0001.tlog")]


@pytest.mark.parametrize("is_restored", [False, True], ids=["delete", "restore"])
def test_a_hub_that_dies_at_any_call_has_the_run_once_and_whole(
    data: Path, *, is_restored: bool
) -> None:
    """In its place and writable, or in the trash and deleted; and an admin gets it back."""
    deaths = 0
    for calls in range(100):
        disk = DyingDisk(1000)

        async def dying(calls: int = calls, disk: DyingDisk = disk) -> bool:
            store = Store(data, disk=disk, limits=HubLimits())
            deletion = Deletion(store, Audit(data / ".hub", disk=disk, clock=Clock()), clock=Clock())
            try:
                if is_restored:
                    await deletion.delete(ADDRESS, CONSOLE)
                disk.calls_left = calls
                act = deletion.restore if is_restored else deletion.delete
                await act(ADDRESS, CONSOLE)
            except DeadError:
                return True
            finally:
                store.close()
            return False

        async def surviving(store: Store, deletion: Deletion) -> None:
            await deletion.tidy(7 * DAY_S)
            is_deleted = store.tombstones.of(ADDRESS) is not None
            assert (data / "mnist/r1").exists() != is_deleted
            assert [DATA] == copies_of_the_run(data)
            if is_deleted:
                assert await deletion.restore(ADDRESS, CONSOLE)
            assert DATA == (data / "mnist/r1/main.0001.tlog").read_bytes()

        has_died = asyncio.run(dying())
        on_store(data, surviving)
        deaths += has_died
        if not has_died:
            break
    assert deaths > 5
