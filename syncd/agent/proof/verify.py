"""Is the target equal to the disk? Rows, chunks, bytes and SHA-256 of every log and file.

Never changes anything, and believes nothing that it remembers: both ends read their disks again.
"""

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from tidelog.datastore.disk import Disk
from tidelog.datastore.errors import DatastoreError, NotALogError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.replica import ListedFile, ListedLog, Replica
from tidelog.datastore.scan import BLOCK_BYTES, Damage, TornTail
from tidelog.syncd.agent.home import digest_file, logs_at_home, walk_log
from tidelog.syncd.agent.plan.retry import Course, SetbackError
from tidelog.syncd.agent.proof.compare import Difference, RunAtHome, Verdict, compare
from tidelog.syncd.agent.proof.receipts import Witness
from tidelog.syncd.agent.target.held import RunContents
from tidelog.syncd.agent.task import Run
from tidelog.syncd.agent.upload.ledger import fault_of
from tidelog.syncd.agent.watch.selection import SelectedLog
from tidelog.syncd.bodies import FileEntry

AT_ONCE = 3
"""So many runs are compared at a time: one end reads while the other does."""


async def verify_all(
    witness: Witness,
    runs: Mapping[Run, Sequence[str]],
    disk: Disk,
    *,
    on_verdict: Callable[[Verdict], None],
    at_once: int = AT_ONCE,
) -> None:
    """Compare some logs of many runs, a few runs at a time; `on_verdict` gets each as it is known.

    A run that cannot be compared is one that differs. Raises SetbackError where the target does not
    answer, or takes no key.
    """
    left = iter(runs.items())

    async def work() -> None:
        for run, names in left:
            on_verdict(await _verify_any(witness, run, names, disk))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())
    except* SetbackError as errors:
        raise errors.exceptions[0] from None


async def _verify_any(witness: Witness, run: Run, names: Sequence[str], disk: Disk) -> Verdict:
    try:
        return await verify_run(witness, run, names, disk)
    except SetbackError as error:
        if error.setback.course is not Course.PARK:
            raise
        return _unread(run, error.setback.reason)
    except (OSError, DatastoreError) as error:
        return _unread(run, f"it cannot be read here: {error}")


def _unread(run: Run, reason: str) -> Verdict:
    return Verdict(RunAtHome(run, [], [], [], {}, {}), [Difference("", reason)])


async def verify_run(witness: Witness, run: Run, names: Iterable[str], disk: Disk) -> Verdict:
    """Compare some logs of a run, and the files that the run's ledger names, with what a target holds.

    Raises SetbackError where the target does not answer.
    """
    # The target first: what it held then, a run that goes on must still have now.
    held = await witness.contents(run)
    home = await asyncio.to_thread(read_home, run, list(names), disk)
    beginnings = await asyncio.to_thread(_digest_beginnings, home, held, disk)
    return Verdict(home, compare(home, held, beginnings=beginnings), held)


def logs_by_run(logs: Iterable[SelectedLog]) -> dict[Run, list[str]]:
    """Return the selected logs of each run, each once."""
    found: dict[Run, dict[str, None]] = {}
    for log in logs:
        found.setdefault(log.run, {})[log.name] = None
    return {run: list(names) for run, names in found.items()}


def read_home(run: Run, names: Sequence[str], disk: Disk) -> RunAtHome:
    """Read what a run holds here."""
    replica = Replica(os.path.dirname(os.path.dirname(run.path)), disk=disk)
    listed: list[ListedLog] = []
    tails: list[Damage | TornTail] = []
    strangers: list[str] = []
    named: set[str] = set()
    ledger: dict[str, FileEntry] = {}
    # Which entry for a path is the last one, all logs of the run decide.
    here = logs_at_home(run, disk)
    for gone in sorted({*names} - {*here}):
        raise FileNotFoundError(errno.ENOENT, "it is gone", os.path.join(run.path, gone))
    for name in here:
        walked = walk_log(run, name, disk)
        ledger.update((entry.path, entry) for entry in walked.entries)
        if name not in names:
            continue
        named.update(entry.path for entry in walked.entries)
        end = disk.stat(os.path.join(run.path, name)).st_size
        try:
            listed.append(replica.list_log(run.project, run.name, name, end=end))
        except NotALogError:
            if end >= FILE_HEADER_BYTES:
                strangers.append(name)
            elif end:
                tails.append(TornTail(name, 0, end))
            continue
        if walked.tail is not None:
            tails.append(walked.tail)
    ledger = {path: entry for path, entry in ledger.items() if path in named}
    files = {
        path: ListedFile(path, *digest_file(os.path.join(run.path, path), disk))
        if fault_of(entry) is None and disk.is_file(os.path.join(run.path, path))
        else None
        for path, entry in ledger.items()
    }
    return RunAtHome(run, listed, tails, strangers, ledger, files)


def _digest_beginnings(home: RunAtHome, held: RunContents | None, disk: Disk) -> dict[str, str]:
    """Return, by log id, the SHA-256 of as much of a log as the target holds, where that is less."""
    sizes = {log.log_id: log.size for log in held.logs} if held is not None else {}
    return {
        log.log_id: _digest_beginning(os.path.join(home.run.path, log.name), sizes[log.log_id], disk)
        for log in home.logs
        if sizes.get(log.log_id, log.size) < log.size
    }


def _digest_beginning(path: str, size: int, disk: Disk) -> str:
    digest, at = hashlib.sha256(), 0
    fd = disk.open(path)
    try:
        while at < size and (block := disk.pread(fd, min(BLOCK_BYTES, size - at), at)):
            digest.update(block)
            at += len(block)
    finally:
        disk.close(fd)
    return digest.hexdigest()
