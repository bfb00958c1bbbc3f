"""How far a target is behind."""

from tidelog.syncd.agent.task import LOG, Run, Task
from tidelog.syncd.agent.upload.lag import Behind, Lag

TASK = Task(Run("/root/p/r", "p", "r"), LOG, "main.0001.tlog")


def test_a_log_is_behind_since_it_was_first_seen_to_be() -> None:
    """Growing on, and a part of it acknowledged, leave the moment where it was."""
    lag = Lag()
    lag.found(TASK, 100, 40, 1.0, is_live=True)
    lag.found(TASK, 300, 40, 2.0, is_live=True)
    lag.acknowledged(TASK, 120)
    assert {TASK: Behind(300, 120, 1.0, is_live=True)} == lag.behind
    assert 180 == lag.behind[TASK].lag_bytes


def test_what_has_arrived_takes_no_memory() -> None:
    lag = Lag()
    lag.found(TASK, 100, 100, 1.0, is_live=True)
    assert {} == lag.behind
    lag.found(TASK, 120, 100, 2.0, is_live=True)
    lag.reached_end(TASK, 110, 120, 3.0)
    lag.reached_end(TASK, 110, 120, 3.0)
    assert {} == lag.behind


def test_what_came_while_an_upload_was_under_way_is_behind_since_then() -> None:
    """The upload has not seen it; nobody would tell of it again until the log grows once more."""
    lag = Lag()
    lag.found(TASK, 100, 40, 1.0, is_live=True)
    lag.found(TASK, 300, 40, 2.0, is_live=True)
    lag.reached_end(TASK, 100, 100, 5.0)
    assert {TASK: Behind(300, 100, 5.0, is_live=True)} == lag.behind


def test_a_late_acknowledgement_of_what_has_arrived_is_nothing() -> None:
    lag = Lag()
    lag.acknowledged(TASK, 50)
    assert {} == lag.behind
