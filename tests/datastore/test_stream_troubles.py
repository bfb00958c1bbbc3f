"""What is told of a disk, how often, and what is counted."""

from pathlib import Path

from tidelog.datastore.limits import WriterLimits
from tidelog.datastore.stream_troubles import StreamTroubles

RUN, LOG = Path("/runs/r1"), Path("/runs/r1/main.0001.tlog")
FULL = OSError(28, "No space left on device")


def troubles(told: list[str]) -> StreamTroubles:
    return StreamTroubles(RUN, told.append, limits=WriterLimits(troubles_told_max=2))


def test_a_trouble_is_told_once_until_it_is_over() -> None:
    """With the log, the reason, and that nothing is lost."""
    told = list[str]()
    trouble = troubles(told)
    trouble.end("main.0001.tlog")
    assert ([], "<StreamTroubles in /runs/r1: 0 rows lost>") == (told, repr(trouble))
    trouble.begin(LOG, FULL)
    trouble.begin(LOG, FULL)
    trouble.end("main.0002.tlog")
    trouble.end("main.0002.tlog")
    assert 2 == len(told)
    assert told[0].startswith(f"{LOG} cannot be written (No space left on device)")
    assert f"{RUN} takes data again, in main.0002.tlog: nothing is lost" == told[1]


def test_a_trouble_that_comes_and_goes_is_told_a_few_times() -> None:
    """The last time says so."""
    told = list[str]()
    trouble = troubles(told)
    for _ in range(5):
        trouble.begin(LOG, FULL)
        trouble.end("main.0002.tlog")
    assert 4 == len(told)
    assert "this is told no more" not in told[0]
    assert "this is told no more" in told[2]


def test_lost_rows_are_told_at_the_first_and_counted() -> None:
    """And once more with the number when it is given up."""
    told = list[str]()
    trouble = troubles(told)
    for rows in (0, 3, 4):
        trouble.lose(rows)
    assert (7, 1) == (trouble.lost_rows, len(told))
    trouble.give_up(5)
    assert (12, f"{RUN} still takes no data: 12 rows are lost") == (trouble.lost_rows, told[-1])


def test_what_may_be_lost_is_said_where_nothing_is_counted() -> None:
    """The last chunk may hold no row."""
    told = list[str]()
    troubles(told).give_up(0)
    assert [f"{RUN} still takes no data: its last rows may be lost"] == told


def test_a_deleted_log_is_not_told_as_kept() -> None:
    """What was in it is gone, whatever comes to the next one."""
    told = list[str]()
    trouble = troubles(told)
    trouble.begin_silence(1.25)
    trouble.begin(LOG, FileNotFoundError(2, "No such file or directory"))
    trouble.end_silence()
    assert f"the disk of {RUN} has not answered for 1.2 s" in told[0]
    assert told[-1].endswith("answers again: nothing is lost, besides what was deleted")
