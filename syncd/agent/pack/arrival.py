"""What of a packed run did not arrive, by the target's own word. No I/O."""

from collections.abc import Container

from tidelog.syncd.agent.pack.contents import PackedRun
from tidelog.syncd.agent.target.held import RunContents

NOT_ARRIVED = "it did not arrive"


def lacking(run: PackedRun, held: RunContents | None, *, older: Container[str]) -> dict[str, str]:
    """Return the logs and files that the target does not hold, by name, and why.

    `older` names files of which it has a later version.
    """
    return {**_lacking_logs(run, held), **_lacking_files(run, held, older)}


def _lacking_logs(run: PackedRun, held: RunContents | None) -> dict[str, str]:
    logs = {log.log_id: log for log in held.logs} if held is not None else {}
    found = {}
    for log in run.logs:
        there = logs.get(log.log_id)
        if there is None or there.size == 0:
            found[f"{run}/{log.name}"] = NOT_ARRIVED
        elif there.size < log.end:
            found[f"{run}/{log.name}"] = f"{there.size} of {log.end} bytes arrived"
        elif there.size == log.end and there.sha256 != log.sha256:
            reason = f"SHA-256 {log.sha256} in the pack, {there.sha256} at the target"
            found[f"{run}/{log.name}"] = reason
    return found


def _lacking_files(run: PackedRun, held: RunContents | None, older: Container[str]) -> dict[str, str]:
    files = {file.path: (file.size, file.sha256) for file in held.files} if held is not None else {}
    missing = [file for file in run.files if files.get(file.path) != (file.size, file.sha256)]
    names = [f"{run}/{file.path}" for file in missing]
    return {name: NOT_ARRIVED for name in names if name not in older}
