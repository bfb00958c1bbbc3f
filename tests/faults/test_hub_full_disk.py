"""A hub on a file system that is really full: the agent waits, and goes on by itself."""

from pathlib import Path

from faults.mounts import needs_root, tmpfs
from run_spec import RunSpec, stored, tree
from syncd_process import HubProcess, SyncdProcess, make_key
from waiting import until

MIB = 2**20


@needs_root
def test_an_agent_waits_for_room_and_goes_on(tmp_path: Path) -> None:
    """The reserve is never touched; once there is room, the hub equals the disk."""
    root = tmp_path / "root"
    RunSpec(root, "mnist", "r1", seed=1).rows(50).saved("model.npz", 3 * MIB).finish()
    with tmpfs(tmp_path / "small", "size=16m") as small:
        key = make_key(small / "data")
        filler = small / "filler"
        filler.write_bytes(bytes(14 * MIB))
        with HubProcess(small / "data") as hub:
            agent = SyncdProcess(
                *("start", "--root", root, "--to", hub.url, "--retry-max", "0.2"), TIDELOG_API_KEY=key
            )
            with agent:
                assert "of its disk free" in agent.line_with("disk is full")
                filler.unlink()
                until(lambda: tree(root) == stored(small / "data"))
                assert 0 == agent.terminate()
