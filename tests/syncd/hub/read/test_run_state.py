"""Which state a run is in, and what is told of a change: all pairs."""

from typing import get_args

import pytest

from tidelog.syncd.hub.read.run_state import RunState, news_of, silent_since, state_of

STATES = get_args(RunState)
HOW = {
    "running": {"ended": None, "silent_s": 0.0},
    "unreachable": {"ended": None, "silent_s": 300.0},
    "finished": {"ended": "finished", "silent_s": 9e9},
    "failed": {"ended": "failed", "silent_s": 0.0},
    "crashed": {"ended": "crashed", "silent_s": 9e9},
}


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_what_the_logs_say_else_what_silence_allows(state: str) -> None:
    """An end that was recorded goes before any silence; silence alone is never a crash."""
    assert state == state_of(**HOW[state], patience_s=300.0)


@pytest.mark.parametrize("before", [None, *STATES])
@pytest.mark.parametrize("after", [None, *STATES])
def test_each_change_of_state_is_told_by_one_event(before: str | None, after: str | None) -> None:
    """New, gone, another state, or changed within it."""
    expected = "state" if before != after else "changed"
    if before is None:
        expected = None if after is None else "new"
    elif after is None:
        expected = "removed"
    assert expected == news_of(before, after)


def test_a_hub_that_was_away_gives_running_runs_their_time_again() -> None:
    """It could not hear them; one that was out of reach before stays so."""
    assert 1000.0 == silent_since(500.0, state="running", started=1000.0)
    assert 500.0 == silent_since(500.0, state="unreachable", started=1000.0)
    assert 1500.0 == silent_since(1500.0, state="running", started=1000.0)
