"""SIGKILL of agent and hub, twenty times during one sync: afterwards the hub equals the disk."""

import time
from pathlib import Path
from random import Random

from run_spec import RunSpec, stored, tree
from syncd_process import HubProcess, SyncdProcess, make_key, run_syncd

KILLS = 20
SEED = 20261123
DEADLINE_S = 30.0


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
    key = make_key(data)
    hub = HubProcess(data)
    url, port = hub.url, hub.port

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
        deadline = time.monotonic() + DEADLINE_S
        while stored(data) != tree(root) and time.monotonic() < deadline:
            time.sleep(0.1)
        doing = run_syncd("status", "--json").stdout
        assert tree(root).keys() == stored(data).keys(), doing
        assert tree(root) == stored(data), f"seed {SEED}"
        proof = run_syncd("verify", root, "--to", url, TIDELOG_API_KEY=key)
        assert 0 == proof.returncode, proof.stdout + proof.stderr
        assert 0 == agent.terminate()
    finally:
        with agent, hub:
            pass
