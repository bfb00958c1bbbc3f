"""Adds and removes roots for a person: asks the daemon, or writes them down for its next start."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.control import ask_daemon
from tidelog.syncd.agent.daemon.lock import acquire, holder_of
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.watch.roots import absolute_root
from tidelog.syncd.errors import CannotStartError


class Changed(NamedTuple):
    """What became of one root; `is_running` tells whether a daemon has it in hand already.

    A root that `is_configured` comes back with the next start, whatever a command says.
    """

    root: str
    is_changed: bool
    roots: list[str]
    is_running: bool
    is_configured: bool = False


def watch_root(text: str, directory: Path, disk: Disk, *, tell: Callable[[str], None]) -> Changed:
    """Watch a root, a path or a pattern. Raises CannotStartError where the state cannot be written.

    `tell` hears of a state that was broken and is begun anew.
    """
    return _change("watch", text, directory, disk, tell)


def unwatch_root(text: str, directory: Path, disk: Disk, *, tell: Callable[[str], None]) -> Changed:
    """Watch a root no more; its name as it was given counts, also where the folder is gone."""
    return _change("unwatch", text, directory, disk, tell)


def _change(
    command: str, text: str, directory: Path, disk: Disk, tell: Callable[[str], None]
) -> Changed:
    root = absolute_root(text, disk)
    answer = ask_daemon(directory, {"command": command, "root": root}, disk=disk)
    if answer is None:
        return _write_down(command, root, directory, disk, tell)
    return _told(command, answer)


def _told(command: str, answer: Mapping[str, object]) -> Changed:
    roots = answer.get("roots")
    if answer.get("type") != command or not isinstance(roots, list):
        raise CannotStartError(
            f"the daemon did not take the root: {answer.get('detail', 'it is of another version')}"
        )
    is_changed = bool(answer.get("is_new" if command == "watch" else "was_watched"))
    return Changed(
        str(answer.get("root")),
        is_changed,
        [str(root) for root in roots],
        is_running=True,
        is_configured=bool(answer.get("is_configured")),
    )


def _write_down(
    command: str, root: str, directory: Path, disk: Disk, tell: Callable[[str], None]
) -> Changed:
    """Change the state itself, which a daemon alone may open: so while none can start."""
    from tidelog.syncd.agent.upload.state import LmdbState  # Who asks a daemon needs no LMDB.

    lock = acquire(directory, disk)
    if lock is None:
        holder = holder_of(directory, disk)
        who = "another process" if holder is None else f"process {holder.pid}"
        raise CannotStartError(
            f"{who} has the state {directory} and does not answer: it starts or ends; try again"
        )
    try:
        bytes_max = AgentSettings().state_bytes_max
        with LmdbState(directory, disk=disk, bytes_max=bytes_max, tell=tell) as state:
            is_known = root in state.roots()
            if command == "watch" and not is_known:
                state.add_root(root)
            if command == "unwatch":
                state.remove_root(root)
            is_changed = is_known == (command == "unwatch")
            return Changed(root, is_changed, state.roots(), is_running=False)
    finally:
        lock.release()
