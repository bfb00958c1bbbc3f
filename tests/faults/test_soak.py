"""A soak: trainers, daemon and hub killed in random order on a bad network; the hub equals the disk.

The oracle is outside: each trainer writes down what `log()` returned for.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from fault_proxy import Action, Break, Call, FaultProxy, Order, Place
from own_port import own_port
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import PATIENCE_S, until

from tidelog.datastore import Reader
from tidelog.datastore.format import FILE_HEADER_BYTES

SCRIPT = Path(__file__).with_name("soak_trainer.py")
SEED = int(os.environ.get("TIDELOG_TEST_SEED", time.time_ns() % 2**32))
TRAINERS = 3
PAUSE_S_MAX = 0.6
REST_S_MAX = 0.3
NETWORK_FAULTS = (Action.CUT, Action.RESET, Action.CORRUPT, Action.DUPLICATE, Action.TRUNCATE)


@dataclass
class Soak:
    """All processes of one soak, and how each of them is killed and started again."""

    place: Path
    random: Random
    port: int
    kills: Counter[str] = field(default_factory=Counter)
    mischief: Counter[str] = field(default_factory=Counter)
    trainers: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    agents: dict[str, SyncdProcess] = field(default_factory=dict)
    started: int = 0

    def __post_init__(self) -> None:
        self.root, self.data = self.place / "root", self.place / "data"
        self.ledgers, self.scratch = self.place / "ledgers", self.place / "scratch"
        self.root.mkdir(parents=True)
        self.ledgers.mkdir()
        self.scratch.mkdir()
        self.key = make_key(self.data)
        self.hub = HubProcess(self.data, port=self.port)

    # -- trainers --------------------------------------------------------------------------------

    def start_trainer(self, number: int) -> None:
        """Resume the run that was killed, or begin another."""
        self.started += 1
        if number not in self.names or self.random.random() < 0.4:
            self.names[number] = f"run-{number}-{self.started}"
        name = self.names[number]
        options = {
            "root": self.root,
            "run": name,
            "ledger": self.ledgers / name,
            "until": self.place / "enough",
            "scratch": self.scratch,
            "seed": self.started,
        }
        command = [sys.executable, str(SCRIPT)]
        for option, value in options.items():
            command += [f"--{option}", str(value)]
        if self.random.random() < 0.3:
            command.append("--has-large")
        self.trainers[number] = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill_trainer(self) -> None:
        number = self.random.choice(list(self.trainers))
        self.trainers[number].kill()
        self.trainers[number].wait()
        self.kills["trainer"] += 1
        self.rest()
        self.start_trainer(number)

    # -- agents ----------------------------------------------------------------------------------

    def home(self, name: str) -> dict[str, str]:
        folder = self.place / name
        return {"XDG_STATE_HOME": str(folder), "XDG_RUNTIME_DIR": str(folder / "run")}

    def start_agent(self, name: str) -> None:
        agent = SyncdProcess(
            *("start", "--root", self.root, "--to", self.proxy_url, "--retry-max", "0.2"),
            TIDELOG_API_KEY=self.key,
            **self.home(name),
        )
        agent.line_with("uploads to")
        # Nobody reads on: a full pipe must not stop the daemon.
        agent.drain()
        self.agents[name] = agent

    def kill_agent(self) -> None:
        name = self.random.choice(list(self.agents))
        self.agents.pop(name).kill()
        self.kills["agent"] += 1
        self.play_with_state(self.place / name / "tidelog")
        self.rest()
        self.start_agent(name)

    def play_with_state(self, state: Path) -> None:
        """Lose the state, keep a copy of it for later, or put an older copy back."""
        old, what = state.with_name("old"), self.random.random()
        if what < 0.15:
            shutil.rmtree(state, ignore_errors=True)
            self.mischief["state lost"] += 1
        elif what < 0.4 or not old.exists():
            shutil.rmtree(old, ignore_errors=True)
            shutil.copytree(state, old)
        elif what < 0.6:
            shutil.rmtree(state, ignore_errors=True)
            shutil.copytree(old, state)
            self.mischief["old state"] += 1

    # -- the hub ---------------------------------------------------------------------------------

    def kill_hub(self) -> None:
        self.hub.kill()
        self.kills["hub"] += 1
        self.rest()
        self.hub = HubProcess(self.data, port=self.port)

    def rest(self) -> None:
        time.sleep(self.random.uniform(0.0, REST_S_MAX))

    # -- the whole -------------------------------------------------------------------------------

    def run(self, kills: int, proxy: FaultProxy) -> None:
        """Kill so many times; the second agent is there for the middle third."""
        self.proxy_url = proxy.url
        self.start_agent("one")
        for number in range(TRAINERS):
            self.start_trainer(number)
        for kill in range(kills):
            time.sleep(self.random.uniform(0.0, PAUSE_S_MAX))
            if kill == kills // 3:
                self.start_agent("two")
                self.mischief["second agent"] += 1
            if kill == 2 * kills // 3:
                self.agents.pop("two").terminate()
            if len(proxy.orders) < 2:
                action, place = self.random.choice(NETWORK_FAULTS), self.random.choice(list(Place))
                proxy.orders.append(Order(Call.ANY, Break(action, place, kill)))
            self.random.choice([self.kill_trainer, self.kill_agent, self.kill_hub])()
        proxy.orders.clear()
        (self.place / "enough").touch()
        for trainer in self.trainers.values():
            assert 0 == trainer.wait(PATIENCE_S)

    def end(self) -> None:
        """Kill whatever is left."""
        for trainer in self.trainers.values():
            trainer.kill()
            trainer.wait()
        with contextlib.ExitStack() as stack:
            for process in (self.hub, *self.agents.values()):
                stack.enter_context(process)

    # -- the oracle ------------------------------------------------------------------------------

    def has_all(self) -> bool:
        """Tell whether verify says that the hub is whole."""
        return (
            0
            == run_syncd("verify", self.root, "--to", self.hub.url, TIDELOG_API_KEY=self.key).returncode
        )

    def check(self) -> tuple[int, int]:
        """Hold the hub against disk and ledgers; return its rows and bytes."""
        rows = 0
        for ledger in sorted(self.ledgers.iterdir()):
            keys = _keys_of(self.data / "soak" / ledger.name)
            assert keys == _keys_of(self.root / "soak" / ledger.name), ledger.name
            promised = [line.removeprefix("row ") for line in ledger.read_text().splitlines()]
            assert [] == [key for key in promised if keys[key] != 1], ledger.name
            # A run that was told to end before its first row has none.
            assert set(keys.values()) <= {1}, ledger.name
            # A process may have died between the return of log() and its line in the ledger.
            assert len(keys) - len(promised) <= len({key.partition(":")[0] for key in keys})
            rows += len(keys)
        size = 0
        for held in self.data.glob("soak/*/**/*"):
            if held.is_file() and held.suffix != ".tmp":
                data = held.read_bytes()
                assert (self.root / held.relative_to(self.data)).read_bytes()[: len(data)] == data
                size += len(data)
        # Of a trainer that was killed before its log had a header nothing travels.
        logs = [
            log for log in self.root.glob("soak/*/*.tlog") if log.stat().st_size >= FILE_HEADER_BYTES
        ]
        assert {log.parent.name for log in logs} == {run.name for run in (self.data / "soak").iterdir()}
        for name in self.agents:
            status = json.loads(run_syncd("status", "--json", **self.home(name)).stdout)
            for target in status["targets"]:
                assert [] == target["parked"]
        return rows, size


def _keys_of(run: Path) -> Counter[str]:
    with Reader(run) as reader:
        assert [] == reader.damage
        return Counter(str(record.data["key"]) for record in reader.records() if record.kind == "row")


@contextlib.contextmanager
def proxy_in_a_thread(port: int) -> Iterator[FaultProxy]:
    proxy, loop, ready = (
        FaultProxy("127.0.0.1", port, delay_s=0.5),
        asyncio.new_event_loop(),
        threading.Event(),
    )
    ending = asyncio.Event()

    async def serve() -> None:
        async with proxy.listening():
            ready.set()
            await ending.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(PATIENCE_S)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()


def soak(place: Path, kills: int) -> None:
    print(f"TIDELOG_TEST_SEED={SEED}")
    began = time.monotonic()
    with own_port() as port:
        soaked = Soak(place, Random(SEED), port)
        try:
            with proxy_in_a_thread(port) as proxy:
                soaked.run(kills, proxy)
                until(soaked.has_all)
                rows, size = soaked.check()
        finally:
            soaked.end()
    assert kills == sum(soaked.kills.values())
    print(
        f"{dict(soaked.kills)} kills, {dict(soaked.mischief)}, {len(proxy.broken)} network faults; "
        f"{rows} rows in {len(list(soaked.data.glob('soak/*/*.tlog')))} logs, {size} bytes at the hub, "
        f"{len(proxy.seen)} requests, {proxy.bytes_seen} bytes through the proxy, "
        f"{time.monotonic() - began:.0f} s"
    )


def test_a_short_soak(tmp_path: Path) -> None:
    """Twelve SIGKILLs of trainer, agent and hub in random order."""
    soak(tmp_path, kills=12)


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_a_long_soak(tmp_path: Path) -> None:
    """Two hundred of them."""
    soak(tmp_path, kills=200)
