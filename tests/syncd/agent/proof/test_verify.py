"""What `verify` calls equal, and what it says where it is not."""

import asyncio
from pathlib import Path

import pytest
from agent_targets import on_target, open_hub
from run_spec import RunSpec

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.plan.retry import Course, Setback, SetbackError
from tidelog.syncd.agent.proof.compare import Difference, Verdict, compare
from tidelog.syncd.agent.proof.verify import read_home, verify_all
from tidelog.syncd.agent.target.contract import FileContents, LogContents, RunContents, Target
from tidelog.syncd.agent.task import Run

NAME = "main.0001.tlog"


def run_of(spec: RunSpec) -> Run:
    return Run(str(spec.path), spec.path.parent.name, spec.path.name)


def differences(spec: RunSpec, held: RunContents | None, *names: str) -> list[Difference]:
    return compare(read_home(run_of(spec), names or [NAME], Disk()), held)


def contents_of(spec: RunSpec) -> RunContents:
    """What a target that holds all of a run says."""
    home = read_home(run_of(spec), [NAME], Disk())
    logs = [LogContents(*(getattr(log, name) for name in LogContents._fields)) for log in home.logs]
    files = [FileContents(entry.path, entry.size, entry.sha256) for entry in home.ledger.values()]
    return RunContents(logs, files)


def test_every_fact_of_a_log_is_compared(tmp_path: Path) -> None:
    """Rows, chunks, bytes, SHA-256 and the log's id; each difference has both values."""
    spec = RunSpec(tmp_path).rows(5).media("a.png").finish()
    good = contents_of(spec)
    assert [] == differences(spec, good)
    [log], [file] = good.logs, good.files
    for field, value, word in (
        ("rows", 4, "rows: 6 here, 4 at the target"),
        ("chunks", 99, "99 at the target"),
        ("size", 41, "41 at the target"),
        ("sha256", "00" * 32, "SHA-256"),
        ("log_id", "00" * 16, f"here it is {log.log_id}"),
    ):
        other = RunContents([log._replace(**{field: value})], good.files)
        [found] = differences(spec, other)
        assert (NAME, True) == (found.item, word in found.reason), found
    for field, value in (("size", 1), ("sha256", "00" * 32)):
        [found] = differences(spec, RunContents(good.logs, [file._replace(**{field: value})]))
        assert file.path == found.item
        assert str(value) in found.reason


def test_a_log_is_known_by_its_id_whatever_its_name(tmp_path: Path) -> None:
    """A twin's name at the target is no difference."""
    spec = RunSpec(tmp_path).rows(5)
    [log] = contents_of(spec).logs
    assert [] == differences(spec, RunContents([log._replace(name="main.0001.abababab.tlog")], []))


def test_a_log_that_has_just_been_made_differs_from_nothing(tmp_path: Path) -> None:
    """There is nothing that could have been sent; a sync of it ends whole."""
    spec = RunSpec(tmp_path)
    (spec.path / NAME).write_bytes(b"")
    assert [] == differences(spec, None)
    assert [] == list(read_home(run_of(spec), [NAME], Disk()).tails)
    (spec.path / NAME).write_bytes(b"TIDE")
    assert [] == differences(spec, None)


def test_a_run_that_the_target_lacks_differs(tmp_path: Path) -> None:
    """One sentence for the whole run."""
    [found] = differences(RunSpec(tmp_path).rows(1), None)
    assert "nothing of this run" in found.reason


def test_what_is_no_log_is_called_so(tmp_path: Path) -> None:
    """It is no torn tail: a sync parks it."""
    spec = RunSpec(tmp_path).rows(5)
    good = contents_of(spec)
    (spec.path / "main.0002.tlog").write_bytes(b"x" * 100)
    [found] = differences(spec, good, NAME, "main.0002.tlog")
    assert ("main.0002.tlog", True) == (found.item, "not a log" in found.reason)
    assert [] == list(read_home(run_of(spec), [NAME, "main.0002.tlog"], Disk()).tails)


def test_a_hub_says_that_it_lacks_a_run(tmp_path: Path) -> None:
    """It is an answer and no error."""

    async def work(target: Target) -> None:
        assert await target.contents(Run("/x", "mnist", "r1")) is None

    on_target(open_hub, tmp_path / "data", work)


class Words:
    """A witness that says what it was told to say of each run, or fails."""

    name = "somebody"

    def __init__(self, **words: RunContents | Setback | None) -> None:
        self.words = words

    async def contents(self, run: Run) -> RunContents | None:
        word = self.words[run.name]
        if isinstance(word, Setback):
            raise SetbackError(word)
        return word


def verdicts(witness: Words, *specs: RunSpec) -> dict[str, Verdict]:
    found: dict[str, Verdict] = {}
    runs = {run_of(spec): [NAME] for spec in specs}

    def take(verdict: Verdict) -> None:
        found[verdict.home.run.name] = verdict

    asyncio.run(verify_all(witness, runs, Disk(), on_verdict=take))
    return found


def test_a_target_that_only_lacks_something_is_behind(tmp_path: Path) -> None:
    """A run, a log, a file, the end of a log whose beginning is equal; anything else is different."""
    spec = RunSpec(tmp_path).rows(5)
    early = contents_of(spec)
    spec.rows(2).media("a.png")
    late = contents_of(spec)
    [log] = late.logs
    cases = {
        "equal": late,
        "behind": early,
        "behind ": RunContents([], late.files),
        "behind  ": RunContents(late.logs, []),
        "behind   ": None,
        "different": RunContents([early.logs[0]._replace(sha256="00" * 32)], late.files),
        "different ": RunContents([log._replace(log_id="00" * 16)], late.files),
        "different  ": RunContents([log._replace(size=log.size + 1)], late.files),
    }
    for state, held in cases.items():
        assert state.strip() == verdicts(Words(r1=held), spec)["r1"].state, state


def test_many_runs_are_compared_and_one_that_cannot_be_is_one_that_differs(tmp_path: Path) -> None:
    """What is refused for one run, or cannot be read here, is told; the others go on."""
    specs = [RunSpec(tmp_path, run=f"r{n}", seed=n).rows(n).finish() for n in range(9)]
    words: dict[str, RunContents | Setback | None] = {s.path.name: contents_of(s) for s in specs}
    words["r3"] = Setback(Course.PARK, "the key does not allow this")
    (specs[4].path / NAME).unlink()
    found = verdicts(Words(**words), *specs)
    assert {"r3": "different", "r4": "different"} == {
        name: verdict.state for name, verdict in found.items() if not verdict.is_equal
    }
    assert ("key does not allow" in found["r3"].differences[0].reason, 9) == (True, len(found))


@pytest.mark.parametrize("course", [Course.OUTAGE, Course.REFUSED])
def test_a_target_that_is_away_ends_the_comparison(tmp_path: Path, course: Course) -> None:
    """With its own words."""
    specs = [RunSpec(tmp_path, run=f"r{n}", seed=n).finish() for n in range(5)]
    words = dict.fromkeys((spec.path.name for spec in specs), Setback(course, "away"))
    with pytest.raises(SetbackError, match="away"):
        verdicts(Words(**words), *specs)
