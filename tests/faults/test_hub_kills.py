"""SIGKILL of a real hub while many append: what it answered 200 for is there when it is back."""

import http.client
import threading
import time
from pathlib import Path
from random import Random

import pytest
from log_spec import LogSpec
from own_port import own_port
from syncd_process import HubProcess, make_key
from waiting import PATIENCE_S, until

from tidelog.syncd.protocol import digest_header, log_path

SEED = 20261126
RUNS, KILLS, PROOF_KILLS = 8, 4, 200
LOG = "main.0001.tlog"


class Appender:
    """Appends to one run, asks where it is after each trouble, and notes every 200."""

    def __init__(self, run: int, port: int, key: str, stop: threading.Event) -> None:
        self.log_id = bytes([run]) * 16
        self.path = log_path("p", f"r{run}", LOG)
        self.log = LogSpec(log_id=self.log_id)
        self.acknowledged = 0
        self.appends = 0
        self._port = port
        self._headers = {"Authorization": f"Bearer {key}", "Tidelog-Log-Id": self.log_id.hex()}
        self._stop = stop
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                try:
                    self._append_until_it_breaks()
                except (OSError, http.client.HTTPException):
                    time.sleep(0.01)
        except BaseException as error:
            self.failure = error

    def _append_until_it_breaks(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            held = self.held(connection)
            assert held >= self.acknowledged, f"{self.path}: {held} held of {self.acknowledged}"
            while not self._stop.is_set():
                if held == len(self.log.data) or not self.log.ends:
                    step = len(self.log.ends)
                    self.log.row({"i": step, "text": "x" * (step % 700)}, step=step)
                body = self.log.data[held:]
                more = {"Upload-Offset": str(held), "Content-Digest": digest_header(body)}
                connection.request("PATCH", self.path, body, self._headers | more)
                with connection.getresponse() as answer:
                    said = answer.read()
                assert 200 == answer.status, said
                held = self.acknowledged = len(self.log.data)
                self.appends += 1
        finally:
            connection.close()

    def held(self, connection: http.client.HTTPConnection) -> int:
        """Return how far the hub holds the log."""
        connection.request("HEAD", self.path, headers=self._headers)
        with connection.getresponse() as answer:
            assert answer.status in (200, 404)
            return int(answer.headers["Upload-Offset"]) if answer.status == 200 else 0


def kill(data: Path, kills: int) -> tuple[int, int]:
    """Kill a hub so often at random moments; return how many appends and bytes were acknowledged."""
    with own_port() as port:
        return kill_at(port, data, kills)


def kill_at(port: int, data: Path, kills: int) -> tuple[int, int]:
    """Do it, with the hub on a port."""
    random, key, stop = Random(SEED), make_key(data), threading.Event()
    hub = HubProcess(data, port=port)
    appenders = [Appender(run, port, key, stop) for run in range(1, RUNS + 1)]
    try:
        for _ in range(kills):
            before = [each.appends for each in appenders]
            until(lambda before=before: broken(appenders) or have_grown(appenders, before))  # type: ignore[misc]
            time.sleep(random.uniform(0.0, 0.1))
            hub.kill()
            for each in appenders:
                stored = (data / "p" / each.path.split("/")[5] / LOG).read_bytes()
                assert stored.startswith(each.log.data[: each.acknowledged]), each.path
            hub = HubProcess(data, port=port)
    finally:
        stop.set()
        for each in appenders:
            each.thread.join()
        with hub:
            pass
    for each in appenders:
        if each.failure is not None:
            raise each.failure
    return sum(each.appends for each in appenders), sum(each.acknowledged for each in appenders)


def have_grown(appenders: list[Appender], before: list[int]) -> bool:
    """Tell whether each has had something acknowledged since."""
    return all(each.appends > count for each, count in zip(appenders, before, strict=True))


def broken(appenders: list[Appender]) -> bool:
    return any(each.failure is not None for each in appenders)


def test_a_killed_hub_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    """A few times; `make proof` does it 200 times."""
    appends, _size = kill(tmp_path / "data", KILLS)
    assert appends > KILLS


@pytest.mark.proof
def test_proof_of_two_hundred_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same, 200 times."""
    appends, size = kill(tmp_path / "data", PROOF_KILLS)
    with capsys.disabled():
        print(
            f"\nhub: {PROOF_KILLS} SIGKILLs during {appends:,} acknowledged appends to {RUNS} runs "
            f"({size:,} bytes): nothing lost"
        )
