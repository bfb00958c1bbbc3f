"""The runs of this process that go on, and what a forked child of it needs of them."""

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tidelog.sdk.recording import Run

_runs: "weakref.WeakSet[Run]" = weakref.WeakSet()


def note_run(run: "Run") -> None:
    """Know of a run for as long as somebody holds it."""
    _runs.add(run)


def open_runs() -> "list[Run]":
    """Return the runs that have not ended."""
    return [run for run in list(_runs) if not run.is_finished]


def _renew_locks() -> None:
    for run in list(_runs):
        run.renew_locks()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
