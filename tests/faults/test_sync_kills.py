"""SIGKILL of agent and hub, twenty times during one sync: afterwards the hub equals the disk."""

import time
from pathlib import Path
from random import Random

from own_port import own_port
from run_spec import RunSpec, stored, tree
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd
from waiting import until

KILLS = 20
SEED = 20261123


def make_root(root: Path, random: Random) -> Path:
    for number in range(6):
        run = RunSpec(root, "mnist", f"r{number}", seed=random.randrange(1000))
        for index in range(8):
            run.rows(200).media(f"{index}.png", 20_000)
        run.saved("model.npz", 9_000_000).chunk_of(2_000_000).finish()
    return root


def test_twenty_kills_during_one_sync_lose_and_double_nothing(tmp_path: Path) -> None:
    """Daemon and hub die in turn, at random moments, and go on from what is on their disks."""
    random = Random(SEED)
    root, data = make_root(tmp_path / "root", random), tmp_path / "data"
    with own_port() as port:
        kill_twenty_times(root, data, port, make_key(data), random)


def kill_twenty_times(root: Path, data: Path, port: int, key: str, random: Random) -> None:
    """Let a daemon upload a root that grows to a hub, and kill one of the two again and again."""
    hub = HubProcess(data, port=port)
    url = hub.url

    def start_agent() -> SyncdProcess:
        agent = SyncdProcess(
            *("start", "--root", root, "--to", url, "--retry-max", "0.05"), TIDELOG_API_KEY=key
        )
        agent.line_with("uploads to")
        return agent

    agent = start_agent()
    live = RunSpec(root, "mnist", "live", seed=7)
    try:
        for kill in range(KILLS):
            # More comes in while both die, so that every kill falls into an upload.
            live.rows(20).saved(f"{kill}.bin", 3_000_000)
            time.sleep(random.uniform(0.0, 0.12))
            if random.random() < 0.5:
                agent.kill()
                agent = start_agent()
            else:
                hub.kill()
                hub = HubProcess(data, port=port)
        live.finish()
        until(lambda: stored(data) == tree(root))
        proof = run_syncd("verify", root, "--to", url, TIDELOG_API_KEY=key)
        assert 0 == proof.returncode, proof.stdout + proof.stderr
        assert 0 == agent.terminate()
    finally:
        with agent, hub:
            pass
