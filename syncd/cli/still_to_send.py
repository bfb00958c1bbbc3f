"""What a daemon of this account has still to do with a run: what it says, or that it does not say."""

import os

from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.daemon.control import ASK_TIMEOUT_S, ask_daemon
from tidelog.syncd.agent.daemon.lock import state_directory
from tidelog.syncd.agent.task import Run
from tidelog.syncd.cli.daemon_answer import silence_of


class StillToSend:
    """Asks the daemon about one run after the other; one that is silent is asked once."""

    def __init__(self, disk: Disk, *, timeout_s: float = ASK_TIMEOUT_S) -> None:
        self._directory = state_directory(os.environ)
        self._disk = disk
        self._timeout_s = timeout_s
        self._silence = ""

    def of(self, run: Run) -> list[str]:
        """Name what speaks against deleting a run; nothing where no daemon runs."""
        if self._silence:
            return [self._silence]
        request = {"command": "pending", "run": run.path}
        answer = ask_daemon(self._directory, request, disk=self._disk, timeout_s=self._timeout_s)
        if answer is None:
            self._silence = silence_of(self._directory, self._disk)
            return [self._silence] * bool(self._silence)
        items = answer.get("items")
        if not isinstance(items, list):
            return ["the daemon that runs does not say what it has still to send: start it anew"]
        return [f"a daemon has still to send {item}" for item in items]
