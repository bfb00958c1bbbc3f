"""Files to send, summed up: by size, less what is parked, apart what the filter holds back."""

from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.upload.backlog import Amount, Backlog, sum_up
from tidelog.syncd.bodies import FileEntry

RUN = Run("/x/mnist/r1", "mnist", "r1")


def test_each_file_counts_once_where_it_belongs() -> None:
    """Parked files are in no queue; a size that is none counts as nothing."""
    files = [("media/a", 10), ("media/b", 2000), ("files/c", 30), ("files/parked", 40), ("files/d", -1)]
    backlog = sum_up(
        [(RUN, FileEntry(path, size, "0" * 64)) for path, size in files],
        passes=lambda path: path != "files/c",
        is_parked=lambda run, path: (run, path) == (RUN, "files/parked"),
        small_file_bytes_max=1000,
    )
    assert Backlog(Amount(2, 10), Amount(1, 2000), Amount(1, 30)) == backlog
    assert Backlog(Amount(20, 100), Amount(10, 20_000), Amount(10, 300)) == backlog.scaled(10)
