"""Runs read from elsewhere: a web server, archives, fsspec's memory; all as from the local disk."""

import asyncio
import io
import os
import shutil
import ssl
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import fsspec
import pytest
import trustme
from aiohttp import ClientTimeout, web
from log_spec import TIME, LogSpec
from run_spec import RunSpec, tree
from web_server import Handler, WebServer

from tidelog.datastore import NotARunError, Reader, UnsupportedUrlError, Writer, open_root
from tidelog.datastore.as_json import plain
from tidelog.datastore.check import check_run
from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.find import find_locations
from tidelog.datastore.process import process_facts
from tidelog.datastore.records import RUN
from tidelog.datastore.remote import FRESH_S, RemoteDisk
from tidelog.datastore.remote_file import BLOCK_BYTES
from tidelog.datastore.salvage import salvage

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
MEMORY = "memory://tidelog-test"


class HandClock(Clock):
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def monotonic(self) -> float:
        return self.time

    def pass_freshness(self) -> None:
        self.time += FRESH_S


def in_memory(root: Path) -> str:
    files = fsspec.filesystem("memory")
    if files.exists(MEMORY):
        files.rm(MEMORY, recursive=True)
    for name, data in tree(root).items():
        files.pipe_file(f"{MEMORY}/{root.name}/{name}", data)
    return f"{MEMORY}/{root.name}"


def zipped(root: Path, compression: int) -> Path:
    archive = root.parent / f"zipped{compression}" / f"{root.name}.zip"
    archive.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(archive, "w", compression) as file:
        for name, data in tree(root).items():
            file.writestr(name, data)
    return archive


@contextmanager
def elsewhere(kind: str, root: Path) -> Iterator[str]:
    """Yield a URL below which all of `root` can be read."""
    if kind == "memory":
        yield in_memory(root)
    elif kind == "stored":
        yield f"zip://::file://{zipped(root, zipfile.ZIP_STORED)}"
    elif kind == "deflated":
        yield f"zip://::file://{zipped(root, zipfile.ZIP_DEFLATED)}"
    else:
        with WebServer(root.parent) as server:
            url = f"{server.url}/runs/{root.name}"
            if kind == "zip on the web":
                archive = zipped(root, zipfile.ZIP_DEFLATED)
                url = f"zip://::{server.url}/runs/{archive.relative_to(root.parent)}"
            yield f"simplecache::{url}" if kind == "copied" else url


KINDS = ["memory", "stored", "deflated", "web", "copied", "zip on the web"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root of sound, damaged, torn and live runs, of one log and of several, with media and files."""
    root = tmp_path / "root"
    sound = RunSpec(root).rows(400).media("Ufer & 100% [a] #1.png").saved("m (1).bin", 3000)
    sound.new_log("rank1.0001.tlog").rows(20).finish()
    RunSpec(root, "mnist", "damaged", seed=2).rows(60).finish().damage(30)
    RunSpec(root, "mnist", "torn", seed=3).rows(9).tear(5).new_log("main.0002.tlog").rows(7).finish()
    RunSpec(root, "über cifar", "a+b;c=d,e@f!$~", seed=4).rows(3)
    RunSpec(root, "gone", "lost media", seed=5).media("a.png").finish()
    (root / "gone" / "lost media" / "media" / "images" / "a.png").write_bytes(b"other")
    return root


def told(run: Reader) -> dict[str, Any]:
    """Return all that a reader tells of a run."""
    history = run.history()
    return {
        "id": run.id,
        "project": run.project,
        "name": run.name,
        "state": run.state,
        "exit_code": run.exit_code,
        "config": plain(run.config),
        "summary": plain(run.summary),
        "metadata": plain(run.metadata),
        "logs": run.logs,
        "times": run.times,
        "rows": run.rows,
        "last_step": run.last_step,
        "history": {name: plain(list(history[name])) for name in sorted(history)},
        "records": [plain(asdict(record)) for record in run.records()],
        "media": run.media(),
        "files": run.files(),
        "damage": run.damage,
        "torn_tails": run.torn_tails,
        "unknown_records": run.unknown_records,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_runs_are_found_and_read_as_on_the_local_disk(kind: str, root: Path) -> None:
    """Each in the same place below its root; damage, tails, media and files included."""
    local = find_locations(root)
    with elsewhere(kind, root) as url:
        remote = find_locations(url)
        names = [os.fspath(found.path.relative_to(remote[0].path.parents[1])) for found in remote]
        assert [os.fspath(found.path.relative_to(root)) for found in local] == names
        for here, there in zip(local, remote, strict=True):
            with Reader(here.path) as expected, Reader(there.path, disk=there.disk) as run:
                assert told(expected) == told(run)


@pytest.mark.parametrize("kind", KINDS)
def test_a_check_reads_every_file_from_elsewhere(kind: str, root: Path) -> None:
    """By its SHA-256, as on the local disk."""
    expected = [check_run(found.path) for found in find_locations(root)]
    assert 1 == sum(len(check.file_faults) for check in expected)
    with elsewhere(kind, root) as url:
        found = [check_run(found.path, disk=found.disk) for found in find_locations(url)]
        assert [check[1:] for check in expected] == [check[1:] for check in found]


@pytest.mark.parametrize("kind", ["memory", "deflated", "web"])
def test_golden_logs_are_read_from_elsewhere(kind: str, tmp_path: Path) -> None:
    """A URL that names one log is that log."""
    golden = Path(shutil.copytree(GOLDEN, tmp_path / "v1"))
    logs = sorted(golden.glob("*.tlog"))
    assert logs
    with elsewhere(kind, golden) as url:
        base, mark, archive = url.partition("::")
        base = base if base.endswith("/") else f"{base}/"
        for log in logs:
            with (
                Reader(log) as expected,
                Reader(f"{base}{log.relative_to(golden)}{mark}{archive}") as run,
            ):
                assert told(expected) == told(run)


@pytest.mark.parametrize("kind", KINDS)
def test_the_disk_answers_for_every_path_as_the_local_one(kind: str, root: Path) -> None:
    """What it is, what it holds, how long it is; also for what is not there."""
    local = Disk()
    with elsewhere(kind, root) as url:
        remote = RemoteDisk(url)
        for path in [root, *sorted(root.rglob("*")), root / "nothing"]:
            there = remote.start / path.relative_to(root)
            for question in ("is_there", "is_file", "is_directory", "is_link"):
                assert getattr(local, question)(path) == getattr(remote, question)(there), (
                    question,
                    path,
                )
            if path.is_dir():
                assert local.list(path) == remote.list(there)
            elif path.is_file():
                assert path.stat().st_size == remote.stat(there).st_size
                assert path.read_bytes() == remote.read(there)
        below = [os.path.relpath(path, root) for path, _ in local.walk(root)]
        assert below == [os.path.relpath(path, remote.start) for path, _ in remote.walk(remote.start)]


def test_a_root_elsewhere_is_listed_and_remembered(root: Path) -> None:
    """The second listing asks for sizes alone: the catalog knows what rests."""
    with WebServer(root) as server:
        expected = [run.fields() for run in open_root(root)]
        assert expected == [run.fields() for run in open_root(f"{server.url}/runs")]
        server.requests.clear()
        listed = open_root(f"{server.url}/runs").runs()
        assert expected == [run.fields() for run in listed]
        assert [] == [request for request in server.requests if request.path.endswith(".tlog/")]
        assert [] == [r for r in server.requests if r.method == "GET" and r.path.endswith(".tlog")]
        with listed[0].open() as run:
            assert listed[0].id == run.id
        assert f"{server.url}/runs/gone/lost%20media" == str(listed[0])


# -- how much is asked ---------------------------------------------------------------------------------


def long_run(root: Path) -> Path:
    """A run whose one log has some 9 MiB that no compression makes shorter."""
    directory = root / "mnist" / "r1"
    random = Random(1)
    directory.mkdir(parents=True)
    writer = Writer(directory)
    for step in range(9 * BLOCK_BYTES // 40_000):
        writer.log_row({"text": random.randbytes(20_000).hex()}, step=step)
    writer.close()
    return directory / "main.0001.tlog"


def test_all_of_a_log_is_read_by_the_block_and_once(tmp_path: Path) -> None:
    """No request per chunk, and no byte twice."""
    log = long_run(tmp_path / "root")
    with WebServer(tmp_path / "root") as server, Reader(f"{server.url}/runs/mnist/r1") as run:
        server.requests.clear()
        assert [] == run.damage
        size = log.stat().st_size
        parts = [request for request in server.requests if request.range is not None]
        assert len(parts) <= size / BLOCK_BYTES + 1
        assert sum(part.size for part in parts) <= size
        server.requests.clear()
        assert ("finished", {}) == (run.state, run.config)
        assert [] == server.requests


def test_what_a_run_is_takes_the_ends_of_its_log(tmp_path: Path) -> None:
    """Two blocks, whatever lies between."""
    log = long_run(tmp_path / "root")
    with WebServer(tmp_path / "root") as server, Reader(f"{server.url}/runs/mnist/r1") as run:
        assert "finished" == run.state
        parts = [request for request in server.requests if request.range is not None]
        assert 2 == len(parts)
        assert log.stat().st_size > 4 * sum(part.size for part in parts)
        assert len(server.requests) <= 6


def test_a_packed_log_is_unpacked_once(tmp_path: Path) -> None:
    """Reading on does not begin at the start of an archive's member again."""
    log = long_run(tmp_path / "root")
    archive = zipped(tmp_path / "root", zipfile.ZIP_DEFLATED)
    with WebServer(tmp_path) as server:
        url = f"zip://mnist/r1::{server.url}/runs/{archive.relative_to(tmp_path)}"
        disk = RemoteDisk(url)
        fd = disk.open(disk.start / log.name)
        server.requests.clear()
        size = disk.size(fd)
        read = b"".join(disk.pread(fd, 4096, at) for at in range(0, size, 4096))
        assert log.read_bytes() == read
        assert server.bytes_sent < 2 * archive.stat().st_size
        disk.close(fd)


# -- what changes there --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["memory", "web"])
def test_a_live_run_is_read_on(kind: str, tmp_path: Path) -> None:
    """New rows, new logs: asked for anew once the last answer is not fresh any more."""
    spec = RunSpec(tmp_path / "root").rows(3)
    clock = HandClock()

    def publish() -> None:
        if kind == "memory":
            in_memory(tmp_path / "root")

    with elsewhere(kind, tmp_path / "root") as url:
        disk = RemoteDisk(f"{url}/mnist/r1", clock=clock)
        with Reader(disk.start, disk=disk) as run:
            assert 3 == run.rows
            spec.rows(4)
            publish()
            clock.pass_freshness()
            assert 7 == run.rows
            spec.new_log("rank1.0001.tlog").rows(2)
            publish()
            clock.pass_freshness()
            assert (9, ["main.0001.tlog", "rank1.0001.tlog"]) == (run.rows, run.logs)


def test_an_open_file_that_grew_is_read_on(tmp_path: Path) -> None:
    """Also by who never asks for its size; while the last answer is fresh nobody is asked."""
    (tmp_path / "a.bin").write_bytes(b"one")
    clock = HandClock()
    with WebServer(tmp_path) as server:
        disk = RemoteDisk(f"{server.url}/runs", clock=clock)
        fd = disk.open(disk.start / "a.bin")
        assert b"one" == disk.pread(fd, 100, 0)
        (tmp_path / "a.bin").write_bytes(b"one, two")
        server.requests.clear()
        assert (b"one", 3) == (disk.read_at(fd, 0, 100), disk.size(fd))
        assert [] == server.requests
        clock.pass_freshness()
        assert (b", two", 8) == (disk.pread(fd, 100, 3), disk.size(fd))
        disk.close(fd)


def live_log(**facts: object) -> bytes:
    log = LogSpec()
    log.record(RUN, TIME, {"id": "r1", **facts})
    return log.row({"a": 1}, step=0).data


class FixedTime(Clock):
    """A clock that shows some seconds after the last record of `LogSpec`."""

    def __init__(self, later_s: float) -> None:
        self._later_s = later_s

    def now(self) -> float:
        return TIME + self._later_s


@pytest.mark.parametrize(
    ("state", "facts", "later_s"),
    [
        ("running", process_facts(Disk()), 9999),
        ("crashed", {**process_facts(Disk()), "pid_started": 1}, 1),
        ("running", {**process_facts(Disk()), "boot_id": "another"}, 1),
        ("crashed", {**process_facts(Disk()), "boot_id": "another"}, 9999),
        ("running", {"host": "another machine", "pid": os.getpid()}, 60),
        ("unknown", {"host": "another machine", "pid": os.getpid()}, 9999),
    ],
)
def test_who_asks_knows_the_processes_of_this_machine_only(
    state: str, facts: dict[str, Any], later_s: float, tmp_path: Path
) -> None:
    """A run that this machine writes is judged by its process, any other by its heartbeat."""
    (tmp_path / "main.0001.tlog").write_bytes(live_log(**facts))
    disk = RemoteDisk(in_memory(tmp_path))
    with Reader(disk.start, disk=disk, clock=FixedTime(later_s)) as run:
        assert state == run.state


# -- what is hostile, and what is wrong ----------------------------------------------------------------


def test_an_archive_cannot_name_what_lies_outside() -> None:
    """Members with `..` or from the root of a disk are not there."""
    data = io.BytesIO()
    names = [
        "r1/main.0001.tlog",
        "../r2/main.0001.tlog",
        "/r3/main.0001.tlog",
        "r1/../../r4/main.0001.tlog",
    ]
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(name, LogSpec().row({"a": 1}, step=0).final().data)
    fsspec.filesystem("memory").pipe_file(f"{MEMORY}.zip", data.getvalue())
    found = [str(found) for found in find_locations(f"zip://::{MEMORY}.zip")]
    assert [f"zip://r1::{MEMORY}.zip"] == found


def page(*links: str) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        text = "".join(f'<a href="{link}">x</a>' for link in links)
        return web.Response(text=f"<html>{text}</html>", content_type="text/html")

    return answer


def test_a_page_cannot_lead_anywhere_else(tmp_path: Path) -> None:
    """Of all its links those count that lie right below it."""
    links = ["../", "/", "..", "%2e%2e/", "a%2Fb", "/etc/passwd", "//evil/x", "http://evil/y", "?C=N"]
    links += ["javascript:go()", "deep/er", "./here.tlog", "run/", "#top", "a%00b"]
    with WebServer(tmp_path, pages={"/evil": page(*links), "/evil/": page(*links)}) as server:
        disk = RemoteDisk(f"{server.url}/evil")
        names = [entry.name for entry in disk.list(disk.start)]
        assert {"here.tlog", "run"} <= set(names) <= {"here.tlog", "run", "javascript:go()"}


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "//other/x", "//tidelog-test/../x", "//tidelog-testing"]
)
def test_a_path_outside_is_not_there(path: str) -> None:
    """Whoever asks for it."""
    disk = RemoteDisk(MEMORY)
    assert (False, False, False) == (disk.is_there(path), disk.is_file(path), disk.is_directory(path))
    for ask in (disk.open, disk.list, disk.stat, disk.read):
        with pytest.raises(FileNotFoundError, match="leads out of memory://tidelog-test"):
            ask(path)


QUESTIONS = {
    *("open", "pread", "read_at", "read_start", "close", "size", "read", "list", "walk", "stat"),
    *("is_there", "is_file", "is_link", "is_directory", "is_writable", "shown", "real_path"),
}


@pytest.mark.parametrize("name", sorted({n for n in dir(Disk) if n[0] != "_"} - QUESTIONS))
def test_what_would_change_something_is_refused(name: str) -> None:
    """Every method of a disk either reads or says that it does not."""
    with pytest.raises(io.UnsupportedOperation, match="memory://tidelog-test> is only read"):
        getattr(RemoteDisk(MEMORY), name)("x", "y")


def test_a_closed_descriptor_is_a_bad_one() -> None:
    """As on the local disk; and none is one of the system's."""
    fsspec.filesystem("memory").pipe_file(f"{MEMORY}/a", b"a")
    disk = RemoteDisk(MEMORY)
    fd = disk.open(disk.start / "a")
    disk.close(fd)
    for ask in (disk.size, disk.close, lambda fd: disk.pread(fd, 1, 0), os.fstat):
        with pytest.raises(OSError, match="Bad file descriptor"):
            ask(fd)


def answering(status: int) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    return answer


@pytest.mark.parametrize(
    ("kind", "status", "says"),
    [
        (PermissionError, 401, "the server answered 401 Unauthorized"),
        (PermissionError, 403, "the server answered 403 Forbidden"),
        (OSError, 500, "the server answered 500 Internal Server Error"),
        (OSError, 503, "the server answered 503 Service Unavailable"),
    ],
)
def test_a_refusal_names_the_status_and_the_url(
    kind: type[OSError], status: int, says: str, tmp_path: Path
) -> None:
    """It is no run that is not there."""
    with WebServer(tmp_path, pages={"/r1": answering(status)}) as server:
        with pytest.raises(kind, match=says) as caught:
            Reader(f"{server.url}/r1")
        assert f"{server.url}/r1" == caught.value.filename


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_no_run(status: int, tmp_path: Path) -> None:
    """The sentence names the URL."""
    with WebServer(tmp_path, pages={"/r1": answering(status)}) as server:
        with pytest.raises(NotARunError, match=f"{server.url}/r1 is no run"):
            Reader(f"{server.url}/r1")
        with pytest.raises(NotARunError, match=f"{server.url}/r1 is not there"):
            find_locations(f"{server.url}/r1")


def test_a_server_that_is_gone_is_an_error_that_names_the_url(tmp_path: Path) -> None:
    """Refused before, or in the middle of a run."""
    RunSpec(tmp_path).rows(3)
    clock = HandClock()
    with WebServer(tmp_path) as server:
        disk = RemoteDisk(f"{server.url}/runs/mnist/r1", clock=clock)
        run = Reader(disk.start, disk=disk)
        assert 3 == run.rows
    clock.pass_freshness()
    with pytest.raises(OSError, match=f"{server.url}/runs/mnist/r1"):
        run.rows  # noqa: B018 - asking is what fails
    run.close()
    with pytest.raises(OSError, match=f"{server.url}/runs"):
        Reader(f"{server.url}/runs")


def test_a_server_that_does_not_answer_is_a_timeout(tmp_path: Path) -> None:
    """After the patience that fsspec was given."""

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    with WebServer(tmp_path, pages={"/r1": answer}) as server:
        disk = RemoteDisk(f"{server.url}/r1", client_kwargs={"timeout": ClientTimeout(total=0.2)})
        with pytest.raises(TimeoutError, match=f"{server.url}/r1"):
            Reader(disk.start, disk=disk)


def test_a_server_that_sends_no_parts_is_read_by_copies(tmp_path: Path) -> None:
    """The error says how."""
    data = Random(5).randbytes(3 * BLOCK_BYTES)

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=data)

    with WebServer(tmp_path, pages={"/a.bin": answer}) as server:
        disk = RemoteDisk(server.url)
        fd = disk.open(disk.start / "a.bin")
        with pytest.raises(OSError, match="put simplecache:: before http to read copies"):
            disk.pread(fd, 10, 2 * BLOCK_BYTES)
        disk.close(fd)
        disk = RemoteDisk(f"simplecache::{server.url}")
        fd = disk.open(disk.start / "a.bin")
        assert data[-10:] == disk.read_at(fd, len(data) - 10, 20)
        disk.close(fd)


@pytest.mark.parametrize(
    ("says", "url"),
    [
        ("No such file or directory: 'zip://r1::/nowhere/a.zip'", "zip://r1::/nowhere/a.zip"),
        ("BadZipFile: File is not a zip file: 'zip://r1::memory://no.zip'", "zip://r1::memory://no.zip"),
    ],
)
def test_an_archive_that_cannot_be_opened_is_named(says: str, url: str) -> None:
    """Whatever the matter with it is."""
    fsspec.filesystem("memory").pipe_file("/no.zip", b"no archive")
    with pytest.raises(OSError, match=says.replace("[", r"\[")):
        Reader(url)


def test_options_are_those_of_the_file_system(tmp_path: Path) -> None:
    """Such as the headers that a server wants to see."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=request.headers.get("X-Token", "none"))

    with WebServer(tmp_path, pages={"/a": answer}) as server:
        asked: list[Callable[[], RemoteDisk]] = [
            lambda: RemoteDisk(server.url),
            lambda: RemoteDisk(server.url, headers={"X-Token": "t"}),
        ]
        assert [b"none", b"t"] == [(disk := make()).read(disk.start / "a") for make in asked]


def test_a_salvage_asks_for_a_copy_on_this_machine(tmp_path: Path) -> None:
    """It reads damage sector by sector, which is nothing to do over a network."""
    with pytest.raises(UnsupportedUrlError, match="copy it here and salvage the copy"):
        salvage(f"{MEMORY}/r1", tmp_path / "new")


def test_a_run_is_followed_over_a_network_to_its_end(tmp_path: Path) -> None:
    """Asked for again and again: there are no events."""
    spec = RunSpec(tmp_path).rows(2)
    with (
        WebServer(tmp_path) as server,
        Reader(
            (disk := RemoteDisk(f"{server.url}/runs/mnist/r1", fresh_s=0.01)).start, disk=disk
        ) as run,
    ):
        steps: list[int | None] = []
        for record in run.follow(interval_s=0.01):
            if record.kind == "row":
                steps.append(record.step)
            if steps == [0, 1]:
                spec.rows(3).finish()
        assert [0, 1, 2, 3, 4] == steps


def test_https_is_read_where_its_certificate_is_trusted(tmp_path: Path) -> None:
    """And nowhere else."""
    RunSpec(tmp_path).rows(3).finish()
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with WebServer(tmp_path, tls=context) as server:
        url = f"{server.url}/runs/mnist/r1"
        assert url.startswith("https://")
        with pytest.raises(OSError, match="certificate verify failed") as caught:
            Reader(url)
        assert url == caught.value.filename
        disk = RemoteDisk(url, ssl=trusting)
        with Reader(disk.start, disk=disk) as run:
            assert 3 == run.rows
