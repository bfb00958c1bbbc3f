"""Small names of wandb's that scripts call in passing: they do the little that there is to do here."""

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol

from tidelog.sdk.naming import RUN_ID_LETTERS
from tidelog.sdk.notices import Notices, say

if TYPE_CHECKING:
    from tidelog.sdk.recording import Run


class Runs(Protocol):
    """The runs of this process."""

    @property
    def run(self) -> "Run | None":
        """The current run."""

    @property
    def notices(self) -> Notices:
        """What tells each kind of trouble once."""

    def find(self, what: str) -> "Run | None":
        """Return the current run, or None, which is told."""


class Settings(SimpleNamespace):
    """What `init(settings=...)` takes; a dict is as good."""


class RunDisabled:
    """What wandb calls a disabled run; ours is a `Run` whose `disabled` is true."""


def login(runs: Runs, key: str | None = None, **_: object) -> bool:
    """Return True: to record takes no account. A key is never kept, and no network is asked."""
    if key is not None:
        runs.notices.tell(
            "login", "login(key=...) keeps no key and needs none; `syncd login` is for uploads to a hub"
        )
    return True


def finish_current(runs: Runs, exit_code: int | None = None, **_: object) -> None:
    """End the current run, if there is one."""
    if runs.run is not None:
        runs.run.finish(exit_code)


def tell_line(
    runs: Runs,
    string: str = "",
    newline: bool = True,  # noqa: ARG001, FBT001, FBT002 - wandb's signature; it is always one line.
    repeat: bool = True,  # noqa: FBT001, FBT002 - as above.
    **_: object,
) -> None:
    """Print a line on stderr; with `repeat=False` the same line once only."""
    if repeat:
        say(f"tidelog: {string}")
    else:
        runs.notices.tell(f"line {string}", string)


def generate_id(length: int = 8) -> str:
    """Return random letters and digits; the seeded generators of the script are left alone."""
    return "".join(RUN_ID_LETTERS[byte % len(RUN_ID_LETTERS)] for byte in os.urandom(length))
