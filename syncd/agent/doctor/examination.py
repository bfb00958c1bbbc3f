"""Runs the doctor's checks beside each other, each within a deadline.

A check that hangs (a file server that is away, a resolver that is silent) is named, and keeps nobody.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from tidelog.datastore.clock import Clock
from tidelog.syncd.agent.doctor.finding import Finding, problem

DEADLINE_S = 12.0

Look = Callable[[], Iterable[Finding]]


class Check(NamedTuple):
    """One thing to look at. `look` gives its findings one by one; what came before a hang is kept."""

    name: str
    look: Look


class _Running:
    """A check under way, in a thread that nobody waits for at the end."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._findings: list[Finding] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def findings(self, *, wait_s: float) -> list[Finding]:
        """Return what was found, after waiting for it at most so long."""
        self._thread.join(max(0.0, wait_s))
        found = list(self._findings)
        if self._thread.is_alive():
            name = self._check.name
            text = "no answer in time; what it lies on, or asks, seems to hang"
            found.append(problem(name, text, "see whether `stat` or `ping` of it answers"))
        return found

    def _run(self) -> None:
        try:
            for finding in self._check.look():
                self._findings.append(finding)
        except Exception as error:  # noqa: BLE001 - one check's bug must not hide what the others found
            text = f"it could not be looked at: {type(error).__name__}: {error}"
            self._findings.append(problem(self._check.name, text, "mend what the error names"))


def examine(
    checks: Sequence[Check], *, clock: Clock, deadline_s: float = DEADLINE_S
) -> Iterator[Finding]:
    """Yield the findings of all checks in their order, the last at the latest after `deadline_s`."""
    running = [_Running(check) for check in checks]
    end = clock.monotonic() + deadline_s
    for check in running:
        yield from check.findings(wait_s=end - clock.monotonic())
