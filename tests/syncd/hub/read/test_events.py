"""GET of the events: who listens hears of what changed, and takes it up again after a break."""

import contextlib
import json
import socket
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from browser import Browser
from log_spec import LogSpec
from waiting import PATIENCE_S, until

from tidelog.datastore.records import EXIT

QUICK = {"refresh_interval_s": 0.02, "tick_s": 0.05, "scan_interval_s": 1e6}


class Event(NamedTuple):
    id: str
    kind: str
    data: dict


class Stream:
    """A stream of events over a bare socket; `next` skips heartbeats."""

    def __init__(
        self, hub, *, key: str = "", cookie: str | None = None, last_id: str | None = None
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", hub.port), timeout=PATIENCE_S)
        who = f"Authorization: Bearer {key or hub.key}" if cookie is None else f"Cookie: {cookie}"
        head = f"GET /v1/events HTTP/1.1\r\nHost: h\r\n{who}\r\n"
        head += f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        self.socket.sendall(f"{head}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def line(self) -> str:
        """Return the next line, without the chunked encoding's sizes."""
        while True:
            line = self.file.readline()
            if line in (b"", b"0\r\n"):
                raise EOFError
            text = line.decode().rstrip()
            if ":" in text:
                return text

    def next(self) -> Event:
        fields: dict[str, str] = {}
        while "data" not in fields:
            name, _, value = self.line().partition(": ")
            if name in ("id", "event", "data"):
                fields[name] = value
        return Event(fields["id"], fields["event"], json.loads(fields["data"]))


@contextlib.contextmanager
def listening(hub, **how) -> Iterator[Stream]:
    stream = Stream(hub, **how)
    try:
        # The first line says that from here on everything is told.
        if stream.status == 200 and how.get("last_id") is None:
            assert ": here" == stream.line()
        yield stream
    finally:
        stream.close()


def add_run(hub, run: str = "r1", project: str = "mnist", rows: int = 1) -> LogSpec:
    log = LogSpec()
    for step in range(rows):
        log.row({"loss": 1.0}, step=step)
    hub.append(0, log.data, name=(project, run, "main.0001.tlog"))
    return log


def grow(hub, log: LogSpec, add) -> None:
    before = len(log.data)
    add(log)
    hub.append(before, log.data[before:])


def test_a_run_is_told_when_it_is_new_changes_ends_and_goes(start_hub) -> None:
    """Each with what a list says of it."""
    hub = start_hub(**{**QUICK, "scan_interval_s": 0.1, "scan_rest": 1.0})
    with listening(hub) as stream:
        log = add_run(hub)
        new = stream.next()
        assert ("new", "mnist", "r1", "running") == (
            new.kind,
            *(new.data[k] for k in ("project", "run", "state")),
        )
        grow(hub, log, lambda log: log.row({"loss": 1.0}, step=8))
        changed = stream.next()
        assert ("changed", 8) == (changed.kind, changed.data["last_step"])
        grow(hub, log, lambda log: log.record(EXIT, 1.0, {"code": 0, "reason": ""}))
        assert ("state", "finished") == ((ended := stream.next()).kind, ended.data["state"])
        for file in (hub.data / "mnist/r1").iterdir():
            file.unlink()
        assert "removed" == stream.next().kind


def test_who_comes_back_hears_what_changed_since(start_hub) -> None:
    """Nothing twice, nothing left out."""
    hub = start_hub(**QUICK)
    with listening(hub) as stream:
        add_run(hub, "r1")
        first = stream.next()
    add_run(hub, "r2")
    add_run(hub, "r3")
    with listening(hub, last_id=first.id) as again:
        assert {"r2", "r3"} == {again.next().data["run"], again.next().data["run"]}


@pytest.mark.parametrize("last_id", ["", "nonsense", "00000000-1", "other-99999999999999999999"])
def test_who_missed_more_than_is_remembered_is_told_to_look_anew(start_hub, last_id: str) -> None:
    """Also who listened to an earlier life of the hub, or made a number up."""
    hub = start_hub(**QUICK)
    with listening(hub, last_id=last_id) as stream:
        assert "reset" == stream.next().kind
        add_run(hub)
        assert "new" == stream.next().kind


def test_the_ring_is_bounded(start_hub) -> None:
    """What fell out of it is a reset, what is in it is told."""
    hub = start_hub(**QUICK, changes_kept_max=2)
    with listening(hub) as stream:
        ids = []
        for run in ("r1", "r2", "r3", "r4"):
            add_run(hub, run)
            ids.append(stream.next().id)
    with listening(hub, last_id=ids[0]) as stream:
        assert "reset" == stream.next().kind
    with listening(hub, last_id=ids[1]) as stream:
        assert ["r3", "r4"] == [stream.next().data["run"] for _ in range(2)]


def test_events_of_other_teams_are_not_told(start_hub) -> None:
    """Neither as they come nor after a break."""
    hub = start_hub(**QUICK)
    key = hub.server.keys.create("team", role="read", project="b*")
    with listening(hub, key=key) as stream:
        add_run(hub, "first", project="b")
        first = stream.next()
        add_run(hub, "secret", project="a")
        until(lambda: hub.call("GET", "/v1/runs?project=a").json["runs"])
        add_run(hub, "ours", project="b")
        event = stream.next()
        assert "ours" == event.data["run"]
    with listening(hub, key=key, last_id=first.id) as stream:
        assert "ours" == stream.next().data["run"]


def test_an_id_tells_nothing_of_what_others_do(start_hub) -> None:
    """No part of it counts: two changes with others between them, and two without, look alike."""
    hub = start_hub(**QUICK)
    with listening(hub) as stream:
        ids = []
        for run in ("r1", "r2", "r3"):
            add_run(hub, run)
            ids.append(stream.next().id)
    assert [16] * 3 == [len(one) for one in ids]
    numbers = [int(one, 16) for one in ids]
    assert numbers[1] - numbers[0] != numbers[2] - numbers[1]


def test_a_stream_ends_with_its_key_and_with_its_session(start_hub) -> None:
    """Within a second of a revocation, or of signing out; who comes back is told why not."""
    hub = start_hub(**QUICK, listener_look_s=0.02)
    keys, browser = hub.server.keys, Browser(hub.server.url)
    key = keys.create("laptop")
    browser.sign_in(hub.key)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    with listening(hub, key=key) as by_key, listening(hub, cookie=cookie) as by_cookie:
        keys.revoke("laptop")
        with pytest.raises(EOFError):
            by_key.next()
        browser.submit(browser.get("/").page.form("/signout"))
        with pytest.raises(EOFError):
            by_cookie.next()


def test_a_silent_stream_has_heartbeats(start_hub) -> None:
    """So that proxies keep it, and both ends notice that the other is gone."""
    hub = start_hub(**QUICK, heartbeat_s=0.02)
    with listening(hub) as stream:
        assert [": here"] * 3 == [stream.line() for _ in range(3)]


def test_who_does_not_read_is_let_go(start_hub) -> None:
    """The hub holds no more for one than its limits say, and others hear all of it."""
    hub = start_hub(**QUICK, changes_waiting_max=4, changes_kept_max=4)
    changes = hub.server._reading.changes
    with listening(hub) as slow, listening(hub) as good:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        number = 0
        while len(changes) == 2:
            number += 1
            hub._loop.call_soon_threadsafe(changes.publish, "p", "changed", b"{}" + b" " * 65536)
            assert {} == good.next().data
            assert number < 2000
        assert 1 == len(changes)


def test_listeners_have_a_number(start_hub) -> None:
    """429 for one key that opens too many, and for all together."""
    hub = start_hub(**QUICK, listeners_per_account_max=1, listeners_max=2)
    other, third = (hub.server.keys.create(name, role="read") for name in ("other", "third"))
    with listening(hub), listening(hub, key=other):
        for key in (hub.key, third):
            answer = hub.call("GET", "/v1/events", key=key)
            assert (429, "too-many-requests") == (answer.status, answer.slug)
    until(lambda: not len(hub.server._reading.changes))
    with listening(hub, key=third) as stream:
        assert 200 == stream.status


def test_a_hub_that_stops_ends_the_streams(start_hub) -> None:
    """At once, and cleanly: the chunked body has its end."""
    hub = start_hub(**QUICK, shutdown_s=15.0)
    with listening(hub) as stream:
        hub.stop()
        assert b"0\r\n\r\n" == stream.file.read()[-5:]
