"""Looks at roots in tests, with clocks that are moved by hand."""

from pathlib import Path

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.watch.inventory import FoundLog, Inventory, Look


class MovedClock(Clock):
    """The machine's clock, so many seconds ahead; its two times are moved apart or together."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s
        self.passed_s = 0.0

    def now(self) -> float:
        return super().now() + self.ahead_s + self.passed_s

    def monotonic(self) -> float:
        return super().monotonic() + self.passed_s


def inventory_of(root: Path, *, clock: Clock | None = None, disk: Disk | None = None) -> Inventory:
    found = Inventory(disk=disk or Disk(), clock=clock or MovedClock(), settings=AgentSettings())
    found.add_root(str(root))
    return found


def found_by(inventory: Inventory, look: Look) -> list[FoundLog]:
    return [log for logs in inventory.look(look) for log in logs]


def names_by(inventory: Inventory, look: Look) -> list[str]:
    return sorted(f"{log.run}/{log.name}" for log in found_by(inventory, look))
