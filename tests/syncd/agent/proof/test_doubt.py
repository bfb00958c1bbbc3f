"""What speaks against deleting a run."""

import pytest

from tidelog.datastore.replica import ListedFile
from tidelog.datastore.scan import Damage, TornTail
from tidelog.syncd.agent.proof.compare import Difference, RunAtHome, Verdict
from tidelog.syncd.agent.proof.doubt import Seen, doubts_of, has_changed, reason_to_keep
from tidelog.syncd.agent.task import Run
from tidelog.syncd.bodies import FileEntry

RUN = Run("/x/mnist/r1", "mnist", "r1")
NAME, IMAGE = "main.0001.tlog", "media/a.png"
SHA = "cd" * 32
PLAIN = Seen(10, is_directory=False, mtime_ns=1, ctime_ns=1)
FOLDER = Seen(None, is_directory=True, mtime_ns=1, ctime_ns=1)
LINK = Seen(None, is_directory=False, mtime_ns=0, ctime_ns=0)
SIGHT = {NAME: PLAIN, "run.json": PLAIN, "summary.json": PLAIN, "media": FOLDER, IMAGE: PLAIN}
DAY_S = 86_400.0


def verdict(*differences: Difference, tail: Damage | TornTail | None = None) -> Verdict:
    entry = FileEntry(IMAGE, 10, SHA)
    tails = [] if tail is None else [tail]
    home = RunAtHome(RUN, [], tails, [], {IMAGE: entry}, {IMAGE: ListedFile(*entry)})
    return Verdict(home, differences)


def doubts(*differences: Difference, tail: Damage | TornTail | None = None, **more: Seen) -> list[str]:
    return doubts_of({**SIGHT, **more}, [NAME], verdict(*differences, tail=tail))


@pytest.mark.parametrize(
    ("state", "age_s", "takes_crashed", "kept"),
    [
        ("finished", 8 * DAY_S, False, None),
        ("failed", 8 * DAY_S, False, None),
        ("finished", 6 * DAY_S, False, "younger"),
        ("finished", -5.0, False, "younger"),
        ("running", 8 * DAY_S, True, "running"),
        ("crashed", 8 * DAY_S, False, "--crashed"),
        ("unknown", 8 * DAY_S, False, "--crashed"),
        ("crashed", 8 * DAY_S, True, None),
        ("unknown", 8 * DAY_S, True, None),
        ("crashed", 6 * DAY_S, True, "younger"),
    ],
)
def test_only_what_has_ended_long_ago_is_due(
    state: str, age_s: float, takes_crashed: bool, kept: str | None
) -> None:
    """A clock that jumped makes a run young, never old; what ended without a word needs another word."""
    reason = reason_to_keep(state, age_s, older_than_s=7 * DAY_S, takes_crashed=takes_crashed)
    assert (kept is None) == (reason is None)
    assert (kept or "") in (reason or "")


def test_a_run_that_is_equal_and_of_which_all_is_known_is_in_no_doubt() -> None:
    """Logs, the ledger's files, what is derived from logs; unfinished files of a killed writer."""
    assert [] == doubts(**{"files": FOLDER, "files/m.npz.0123abcd.tmp": PLAIN})
    assert [] == doubts(**{f"{IMAGE}.{'ab' * 8}.tmp": PLAIN})


def test_a_torn_tail_is_no_doubt_and_a_damaged_one_is() -> None:
    """`log()` had not returned for the one; of the other nobody knows what it held."""
    assert [] == doubts(tail=TornTail(NAME, 100, 7))
    [doubt] = doubts(tail=Damage(NAME, 100, 7, 1))
    assert (NAME in doubt, "100" in doubt) == (True, True)


@pytest.mark.parametrize(
    ("path", "seen", "words"),
    [
        ("notes.txt", PLAIN, "no log of the run mentions it"),
        ("files/x.bin", PLAIN, "no log of the run mentions it"),
        ("main.0002.tlog", PLAIN, "no log of the run mentions it"),
        ("checkpoint.tmp", PLAIN, "no log of the run mentions it"),
        (".nfs0001", PLAIN, "no log of the run mentions it"),
        ("data", LINK, "a link, or no plain file"),
        ("media", LINK, "a link, or no plain file"),
        (IMAGE, LINK, "no plain file"),
    ],
)
def test_what_is_nowhere_else_is_a_doubt(path: str, seen: Seen, words: str) -> None:
    """And so is a link: nothing is followed."""
    [doubt] = doubts(**{path: seen})
    assert (True, True) == (doubt.startswith(f"{path}: "), words in doubt)


def test_every_difference_is_a_doubt() -> None:
    """Also what the target is only behind by."""
    behind = Difference(NAME, "the target does not hold it", is_behind=True)
    assert [f"{NAME}: the target does not hold it", "all of it"] == doubts(
        behind, Difference("", "all of it")
    )


def test_any_change_is_named() -> None:
    """Something came, went, or has another size or time."""
    assert has_changed(SIGHT, dict(SIGHT)) is None
    assert "z" == has_changed(SIGHT, {**SIGHT, "z": PLAIN})
    assert IMAGE == has_changed(SIGHT, {k: v for k, v in SIGHT.items() if k != IMAGE})
    assert NAME == has_changed(SIGHT, {**SIGHT, NAME: PLAIN._replace(size=11)})
    assert NAME == has_changed(SIGHT, {**SIGHT, NAME: PLAIN._replace(ctime_ns=2)})
