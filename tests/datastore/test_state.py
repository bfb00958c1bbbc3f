"""What state a run is in follows from its records, the process and the clock; never from an age."""

from typing import Any

import pytest

from tidelog.datastore.state import Machine, infer_state

NOW = 1000.0
MINE = {"host": "me", "boot_id": "b1", "pid": 7, "pid_started": 70}
ELSEWHERE = {"host": "you", "boot_id": "b9", "pid": 7, "pid_started": 70}


@pytest.mark.parametrize(
    ("expected", "known"),
    [
        ("finished", {"final": {"state": "finished"}}),
        ("failed", {"final": {"state": "failed"}, "ending": {"code": 0}}),
        ("crashed", {"final": {"state": "crashed"}}),
        ("finished", {"ending": {"code": 0}}),
        ("failed", {"ending": {"code": 1}}),
        ("failed", {"ending": {}}),
        ("finished", {"final": {"state": "of a later version"}, "ending": {"code": 0}}),
        ("crashed", {"death": {"code": 3}, "facts": MINE, "alive": False}),
        ("crashed", {"death": {"code": -9}, "facts": ELSEWHERE, "last_time": NOW - 1}),
        ("finished", {"death": {"code": 0}, "ending": {"code": 0}}),
        ("unknown", {}),
        ("unknown", {"facts": {"pid": 7}}),
        ("unknown", {"facts": {"host": "me", "pid": "7"}}),
        ("running", {"facts": MINE, "alive": True}),
        ("crashed", {"facts": MINE, "alive": False}),
        ("running", {"facts": MINE, "alive": True, "last_time": 0.0}),
        ("crashed", {"facts": MINE | {"boot_id": "b0"}, "alive": True}),
        ("crashed", {"facts": MINE | {"boot_id": "b0"}, "alive": True, "last_time": NOW - 181}),
        ("running", {"facts": MINE | {"boot_id": "b0"}, "alive": False, "last_time": NOW - 179}),
        ("running", {"facts": MINE | {"boot_id": None}, "alive": True}),
        ("running", {"facts": ELSEWHERE, "last_time": NOW - 179}),
        ("unknown", {"facts": ELSEWHERE, "last_time": NOW - 181}),
        ("unknown", {"facts": ELSEWHERE, "last_time": NOW + 10}),
        ("unknown", {"facts": ELSEWHERE, "last_time": float("nan")}),
        ("unknown", {"facts": ELSEWHERE}),
    ],
)
def test_the_state_of_a_run(expected: str, known: dict[str, Any]) -> None:
    """Final chunk, exit record, monitor, the process on its machine, the heartbeat elsewhere, in order.

    Another boot is another machine of the same name while there are heartbeats, and a restart after.
    """
    machine = Machine("me", "b1", lambda pid, started: known.get("alive", False))
    state = infer_state(
        final=known.get("final"),
        ending=known.get("ending"),
        death=known.get("death"),
        facts=known.get("facts", {}),
        last_time=known.get("last_time"),
        now=NOW,
        machine=machine,
    )
    assert expected == state
