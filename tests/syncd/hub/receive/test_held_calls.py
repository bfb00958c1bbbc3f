"""POST of runs that an agent has uploaded, against a real hub: is that held still?"""

import os
import shutil

import pytest
from log_spec import LogSpec

from tidelog.syncd.bodies import AskedRun, SmallFile, encode_asked_runs, encode_batch
from tidelog.syncd.protocol import batch_path, held_path, run_path

LOG, SHA = "main.0001.tlog", "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"


def rows(count: int) -> bytes:
    log = LogSpec()
    for step in range(count):
        log.row({"loss": 0.5}, step=step)
    return bytes(log.data)


def ask(hub, *runs: AskedRun, project: str = "mnist", key: str = ""):
    return hub.call("POST", held_path(project), encode_asked_runs(runs), key=key)


def told(hub, *runs: AskedRun) -> list[tuple[str, list[str], bool]]:
    answer = ask(hub, *runs)
    assert 200 == answer.status, answer.body
    return [(run["run"], run["missing"], run["deleted"]) for run in answer.json["runs"]]


def mark(hub) -> str:
    return str(ask(hub, AskedRun("r1", {})).json["runs"][0]["files"])


def put_file(hub, name: str) -> None:
    batch = encode_batch([SmallFile(f"files/{name}", SHA, b"x")])
    assert 200 == hub.call("POST", batch_path("mnist", "r1"), batch).status


def test_a_log_is_held_while_it_is_not_shorter_than_what_was_acknowledged(hub) -> None:
    """One that is shorter, gone, or never was there is named."""
    data = rows(5)
    assert 200 == hub.append(0, data).status
    asked = {LOG: len(data), "main.0002.tlog": 1}
    assert [("r1", ["main.0002.tlog"], False)] == told(hub, AskedRun("r1", asked))
    os.truncate(hub.data / "mnist/r1" / LOG, len(data) - 1)
    assert [("r1", [LOG], False)] == told(hub, AskedRun("r1", {LOG: len(data)}))
    shutil.rmtree(hub.data / "mnist/r1")
    assert [("r1", [LOG], False)] == told(hub, AskedRun("r1", {LOG: len(data)}))


def test_the_mark_of_the_files_changes_with_each_of_them_and_with_nothing_else(hub) -> None:
    """By names, sizes and times; an upload under way is none of them."""
    assert 200 == hub.append(0, rows(1)).status
    put_file(hub, "a")
    one = mark(hub)
    folder = hub.data / "mnist/r1/files"
    (folder / "b.0123456789abcdef.tmp").write_bytes(b"part")
    assert one == mark(hub)
    put_file(hub, "b")
    two = mark(hub)
    (folder / "b").unlink()
    gone = mark(hub)
    os.utime(folder / "a", (1.0, 1.0))
    assert 4 == len({one, two, mark(hub), "0-0000000000000000"})
    assert one == gone


def test_a_deleted_run_says_so(hub) -> None:
    """Whether it was ever there is another question."""
    data = rows(1)
    hub.append(0, data)
    assert 200 == hub.call("DELETE", run_path("mnist", "r1")).status
    asked = [AskedRun(run, {LOG: len(data)}) for run in ("r1", "r2")]
    assert [("r1", [LOG], True), ("r2", [LOG], False)] == told(hub, *asked)


def test_what_takes_long_is_answered_in_part(start_hub) -> None:
    """The first at least, so that whoever asks comes to an end."""
    hub = start_hub(held_look_s=0.0)
    assert [("r1", [], False)] == told(hub, AskedRun("r1", {}), AskedRun("r2", {}))
    assert [] == told(hub)


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b"nonsense", "bad-request"),
        (b'{"runs": [{"run": "r1", "logs": {"main.0001.tlog": -1}}]}', "bad-request"),
        (b'{"runs": [{"run": "..", "logs": {}}]}', "invalid-name"),
        (encode_asked_runs([AskedRun("r1", {}), AskedRun("r2", {})]), "too-large"),
        (encode_asked_runs([AskedRun("r1", {LOG: 1, "main.0002.tlog": 1})]), "too-large"),
        (b" " * 4097 + encode_asked_runs([]), "too-large"),
    ],
)
def test_a_body_that_is_none_is_refused(start_hub, body: bytes, slug: str) -> None:
    """By shape, names and limits."""
    hub = start_hub(wire={"held_runs_max": 1, "held_logs_max": 1, "held_bytes_max": 4096})
    assert slug == hub.call("POST", held_path("mnist"), body).slug


def test_only_who_may_write_to_the_project_may_ask(hub) -> None:
    """Nobody else has had anything acknowledged."""
    reader = hub.server.keys.create("reader", role="read")
    other = hub.server.keys.create("other", role="write", project="cifar*")
    for key in (reader, other):
        assert 403 == ask(hub, AskedRun("r1", {}), key=key).status
