"""`syncd serve` and `syncd key` as processes: start, stop, SIGKILL, and what a person is told."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from log_spec import LOG_ID, LogSpec
from waiting import PATIENCE_S

from tidelog.datastore.format import RECORDS, FileHeader, encode_chunk, encode_file_header, log_tag
from tidelog.datastore.reader import Reader
from tidelog.syncd.protocol import digest_header, log_path

SYNCD = [sys.executable, "-m", "tidelog.syncd"]
MIB = 1024 * 1024


def syncd(*args: str, expected: int = 0) -> subprocess.CompletedProcess[str]:
    result = subprocess.run([*SYNCD, *args], capture_output=True, text=True, timeout=PATIENCE_S)
    assert expected == result.returncode, result.stderr
    assert "Traceback" not in result.stderr
    return result


@contextlib.contextmanager
def serving(data: Path, *args: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A hub process and its port, from its first line on."""
    command = [*SYNCD, "serve", "--data", str(data), "--listen", "127.0.0.1:0", *args]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            match = re.fullmatch(r"hub listening on http://127\.0\.0\.1:(\d+)\n", line)
            assert match, line + process.stderr.read()
            yield process, int(match[1])
        finally:
            process.kill()


def call(
    port: int, method: str, path: str, key: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Authorization": f"Bearer {key}", **fields})
        with connection.getresponse() as response:
            return response.status, dict(response.headers), response.read()


def append(port: int, key: str, data: bytes, *, offset: int, log: str = "main.0001.tlog"):
    return call(
        port,
        "PATCH",
        log_path("p", "r", log),
        key,
        data,
        Upload_Offset=str(offset),
        Tidelog_Log_Id=LOG_ID.hex(),
        Content_Digest=digest_header(data),
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_at_a_signal_with_0(tmp_path: Path, number: signal.Signals) -> None:
    """And says nothing more than where it listens and what to type first."""
    with serving(tmp_path / "hub") as (process, port):
        assert 200 == call(port, "GET", "/healthz", "")[0]
        assert 401 == call(port, "GET", "/v1/runs", "")[0]
        process.send_signal(number)
        assert 0 == process.wait(PATIENCE_S)
        assert process.stderr is not None
        expected = f"no API key yet: syncd key create NAME --data {tmp_path / 'hub'}\n"
        assert expected == process.stderr.read()


def test_keys_of_the_command_line_count_at_once(tmp_path: Path) -> None:
    """Created before the hub runs and while it runs; revoked while it runs."""
    data = str(tmp_path / "hub")
    before = syncd("key", "create", "before", "--data", data).stdout
    assert re.fullmatch(r"tide_[A-Za-z0-9_-]{43}\n", before)
    with serving(tmp_path / "hub") as (_, port):
        assert 200 == call(port, "GET", "/v1/runs", before.strip())[0]
        args = ("--role", "read", "--project", "mnist*", "--expires", "30d")
        during = syncd("key", "create", "during", "--data", data, *args).stdout.strip()
        assert 200 == call(port, "GET", "/v1/runs", during)[0]
        syncd("key", "revoke", "before", "--data", data)
        assert 401 == call(port, "GET", "/v1/runs", before.strip())[0]
        assert 200 == call(port, "GET", "/v1/runs", during)[0]
    listed = json.loads(syncd("key", "list", "--data", data, "--json").stdout)
    assert "keys" == listed["type"]
    assert [("before", "write", "*", "revoked"), ("during", "read", "mnist*", "active")] == [
        (key["name"], key["role"], key["project"], key["state"]) for key in listed["keys"]
    ]
    assert 30 * 86400 == listed["keys"][1]["expires"] - listed["keys"][1]["created"]
    table = syncd("key", "list", "--data", data).stdout
    assert ["NAME", "before", "during"] == [line.split()[0] for line in table.splitlines()]
    assert before.strip() not in table + json.dumps(listed)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["serve"], "--data"),
        (["serve", "--data", "{tmp}/hub", "--listen", "nowhere"], "write HOST:PORT"),
        (["serve", "--data", "{tmp}/hub", "--listen", "127.0.0.1:99999"], "write HOST:PORT"),
        (["serve", "--data", "{tmp}/hub", "--listen", "127.0.0.1:{port}"], "cannot listen on"),
        (["serve", "--data", "{tmp}/hub", "--listen", "host.invalid:1"], "cannot listen on"),
        (["serve", "--data", "{tmp}/file"], "file"),
        (["serve", "--data", "{tmp}/file/hub"], "cannot be written"),
        (["key", "create", "a", "--data", "{tmp}/file/hub"], "cannot be written"),
        (["key", "create", "../a", "--data", "{tmp}/hub"], "holds '/'"),
        (["key", "create", "a", "--data", "{tmp}/hub", "--role", "root"], "root"),
        (["key", "create", "a", "--data", "{tmp}/hub", "--expires", "soon"], "12h, 30d"),
        (["key", "revoke", "a", "--data", "{tmp}/hub"], "no key 'a'"),
        (["key", "list", "--data", "{tmp}/bad"], "is not a file of keys"),
        (["serve", "--data", "{tmp}/bad"], "is not a file of keys"),
        (["nonsense"], "nonsense"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_with_exit_code_2(
    tmp_path: Path, args: list[str], words: str
) -> None:
    """Without a traceback."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "bad/.hub").mkdir(parents=True)
    (tmp_path / "bad/.hub/keys.json").write_text("{")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        filled = [arg.format(tmp=tmp_path, port=port) for arg in args]
        assert words in syncd(*filled, expected=2).stderr


def test_where_to_listen_can_be_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag wins over the variable."""
    monkeypatch.setenv("TIDELOG_LISTEN", "nowhere")
    data = str(tmp_path / "hub")
    assert "'nowhere' is no address" in syncd("serve", "--data", data, expected=2).stderr
    with serving(tmp_path / "hub"):
        pass


def test_a_second_hub_of_the_same_folder_does_not_start(tmp_path: Path) -> None:
    """Two would append to the same logs; after the first one's SIGKILL the folder is free."""
    with serving(tmp_path / "hub") as (process, _):
        again = syncd("serve", "--data", str(tmp_path / "hub"), "--listen", "127.0.0.1:0", expected=2)
        assert "another hub serves" in again.stderr
        process.kill()
        process.wait(PATIENCE_S)
        with serving(tmp_path / "hub"):
            pass


def test_help_explains_with_examples() -> None:
    """Each command; and `syncd --help` loads no web server."""
    for command in ((), ("serve",), ("key",), ("key", "create")):
        assert "syncd" in syncd(*command, "--help").stdout
    assert "Examples:" in syncd("serve", "--help").stdout
    assert "Examples:" in syncd("key", "--help").stdout
    program = (
        "import sys; sys.argv = ['syncd', '--help']\n"
        "from tidelog.syncd.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*[m for m in ('aiohttp', 'rich', 'lmdb', 'msgpack') "
        "if m in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ("", 0) == (result.stderr.strip(), result.returncode)


@pytest.mark.parametrize("seed", range(2))
def test_a_hub_killed_in_the_middle_of_appends_loses_nothing_it_answered(
    tmp_path: Path, seed: int
) -> None:
    """What was acknowledged is there after SIGKILL, whole chunks alone, and the upload goes on."""
    log = LogSpec()
    for step in range(4000):
        log.row({"loss": 0.5, "text": "x" * 200}, step=step)
    ranges = list(zip([0, *log.ends[199::200]], log.ends[199::200], strict=False))
    key = syncd("key", "create", "k", "--data", str(tmp_path / "hub")).stdout.strip()
    acknowledged = 0
    with serving(tmp_path / "hub") as (process, port):
        killer = threading.Timer(0.02 + 0.03 * seed, os.kill, (process.pid, signal.SIGKILL))
        killer.start()
        with contextlib.suppress(OSError, http.client.HTTPException):
            for start, end in ranges:
                status, headers, _ = append(port, key, log.data[start:end], offset=start)
                assert 200 == status
                acknowledged = int(headers["Upload-Offset"])
        killer.join()
        process.wait(PATIENCE_S)
    path = tmp_path / "hub/p/r/main.0001.tlog"
    if path.exists():
        with path.open("ab") as file:
            file.write(log.data[path.stat().st_size :][:999])  # As if it died within one write.
    with serving(tmp_path / "hub") as (_, port):
        status, headers, _ = call(port, "HEAD", log_path("p", "r", "main.0001.tlog"), key)
        held = 0 if status == 404 else int(headers["Upload-Offset"])
        assert acknowledged <= held
        assert held in (0, *log.ends)
        if held:
            assert digest_header(log.data[:held]) == headers["Repr-Digest"]
        assert 200 == append(port, key, log.data[held:], offset=held)[0]
    assert log.data == path.read_bytes()
    with Reader(tmp_path / "hub/p/r") as run:
        assert (4000, []) == (run.rows, run.damage)


def test_the_hub_stays_under_100_mb_while_it_carries_appends_of_8_mib(tmp_path: Path) -> None:
    """Four at a time, twice over."""
    tag = log_tag(LOG_ID)
    payload = b"\x93\x07\xc0\xc5\x40\x00" + bytes(16 * 1024)
    chunks = [encode_chunk(RECORDS, seq, payload, tag) for seq in range(2 * 8 * 64 - 2)]
    half = len(chunks) // 2
    first = encode_file_header(FileHeader(LOG_ID, 0)) + b"".join(chunks[:half])
    second = b"".join(chunks[half:])
    key = syncd("key", "create", "k", "--data", str(tmp_path / "hub")).stdout.strip()
    statuses = []
    with serving(tmp_path / "hub") as (process, port):

        def carry(log: str) -> None:
            statuses.append(append(port, key, first, offset=0, log=log)[0])
            statuses.append(append(port, key, second, offset=len(first), log=log)[0])

        threads = [threading.Thread(target=carry, args=(f"rank{i}.0001.tlog",)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [200] * 8 == statuses
        if sys.platform == "linux":
            peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
            assert peak is not None
            assert int(peak[1]) * 1024 < 100_000_000
        assert psutil.Process(process.pid).memory_info().rss < 100_000_000
