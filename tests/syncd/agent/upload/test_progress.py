"""How far an upload has come."""

from tidelog.syncd.agent.task import LOG, Run, Task
from tidelog.syncd.agent.upload.progress import Progress
from tidelog.syncd.bodies import FileEntry

RUN = Run("/root/mnist/r1", "mnist", "r1")
TASK = Task(RUN, LOG, "main.0001.tlog")


def upload(progress: Progress, count: int) -> None:
    for number in range(count):
        task = TASK._replace(name=f"main.{number:04}.tlog")
        entry = FileEntry(f"files/{number}", 10, "0" * 64)
        progress.found_log(task, 100)
        progress.advanced(task, 100, 3, is_done=True)
        progress.found_files(RUN, [entry])
        progress.holds_file(RUN, entry.path, 5)
        progress.delivered(RUN, [entry])


def test_what_was_found_is_counted_with_what_the_target_holds() -> None:
    """Runs, files and bytes."""
    progress = Progress()
    upload(progress, 2)
    progress.found_log(TASK._replace(name="rank1.0001.tlog"), 50)
    assert (1, 0, 2, 2) == (progress.runs, progress.runs_done, progress.files, progress.files_done)
    assert (270, 220, 6) == (progress.bytes_total, progress.bytes_done, progress.chunks)


def test_a_daemon_counts_and_remembers_no_item() -> None:
    """In months it would become all files that were ever sent."""
    progress = Progress(keeps_items=False)
    upload(progress, 1)
    upload(progress, 1000)
    assert (0, 0, 0) == (progress.runs, progress.files, progress.bytes_total)
    assert 3003 == progress.chunks
