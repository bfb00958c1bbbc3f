import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tidelog.sdk.chore_list import chores_of
from tidelog.sdk.current import Current
from tidelog.sdk.recording import Run

Begin = Callable[..., Run]


def chore_of(run: Run, current: Current, name: str) -> Callable[[], None]:
    """Return one of a run's chores."""
    writer = run._writer
    assert writer is not None
    chores: Iterator[Callable[[], None]] = chores_of(run, run._plan, writer, current._around)[0]
    return next(chore for chore in chores if chore.__name__ == name)


def test_a_chore_that_is_late_leaves_the_ended_runs_json_alone(begin: Begin, current: Current) -> None:
    """A git that hangs holds up what comes after it, until after the end of the run."""
    run = begin()
    late = chore_of(run, current, "write_run_json")
    run.finish()
    late()
    assert "finished" == json.loads(Path(run.dir, "run.json").read_text())["state"]


def test_only_what_is_asked_for_is_kept_of_the_code(begin: Begin, current: Current) -> None:
    """`save_code` decides; what is found out of the origin is found out either way."""
    for saves_code in (False, True):
        run = begin(save_code=saves_code)
        assert run._writer is not None
        names = [chore.__name__ for chore in chores_of(run, run._plan, run._writer, current._around)[0]]
        assert saves_code == ("keep_entry" in names)
        assert ["point_to_latest", "write_run_json"] == [names[0], names[-1]]
        run.finish()
