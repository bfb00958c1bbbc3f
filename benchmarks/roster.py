"""Who is measured: the peers' names, their files, and how many rows each gets. No I/O."""

from collections.abc import Collection
from dataclasses import dataclass

ROWS = 100_000
FLOOR = "bare"
OWN = "tidelog"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the tables.

    `share` is the part of the rows that the peer gets, so that a slow one does not take the whole time;
    its CPU time is then scaled up. `returned` says where a row is when `log()` has returned; `package`
    is what it needs in the peers' environment, empty for those that run in tidelog's own.
    """

    name: str
    file: str
    returned: str
    package: str = ""
    share: float = 1.0

    @property
    def first_word(self) -> str:
        """What the command line calls it."""
        return self.name.split()[0]

    def rows(self, rows: int) -> int:
        """Return how many of `rows` this peer logs."""
        return max(2, round(rows * self.share))


ROSTER = (
    Entry("bare", "bare.py", "in the kernel"),
    Entry("tidelog", "tidelog_sdk.py", "in the kernel"),
    Entry("tidelog Writer", "tidelog_writer.py", "in the kernel"),
    Entry("sqlite3", "sqlite_commit.py", "in the kernel"),
    Entry("wandb offline", "wandb_offline.py", "in a socket to wandb-core", "wandb", share=0.2),
    Entry("tensorboardX", "tensorboardx_events.py", "in a queue", "tensorboardX", share=0.2),
    Entry("trackio", "trackio_local.py", "in a list", "trackio", share=0.2),
)


def choose(names: Collection[str]) -> tuple[Entry, ...]:
    """Return the entries whose first word is among `names`, in the roster's order; all where none is."""
    return tuple(entry for entry in ROSTER if entry.first_word in names) or ROSTER
