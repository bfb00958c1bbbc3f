"""What a service manager needs to know of one of our services, whichever manager it is. No I/O."""

from dataclasses import dataclass
from typing import Final

AGENT: Final = "syncd"
HUB: Final = "syncd-hub"

MARK: Final = "Written by `syncd install`"
"""A unit with these words is ours to replace and to remove; no other is."""

CANNOT_START: Final = 2
"""The exit code after which a new start would end the same way."""
WATCHDOG_S: Final = 120
STOP_S: Final = 20
"""More than the time in which a service ends by itself after SIGTERM."""
RESTART_S: Final = 10
FILES_MAX: Final = 65_536
AGENT_MEMORY_HIGH: Final = "512M"


@dataclass(frozen=True, slots=True)
class Service:
    """One service. Folders in `writable` are the only ones that it changes, the first its very own."""

    name: str
    description: str
    command: tuple[str, ...]
    writable: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    account: str | None = None
    """Whose it is, where the system's manager runs it; None for the manager of its own user."""
    is_agent: bool = True
    """Whether it is the agent: training comes first, and SIGHUP makes it read its settings anew."""
