"""Open the target that an address names. Loads the HTTP client only where one is needed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.syncd.agent.settings import AgentSettings
from tidelog.syncd.agent.target.contract import Target
from tidelog.syncd.agent.target.credentials import FILE, Address, find_key

if TYPE_CHECKING:
    from tidelog.syncd.agent.target.root_lock import Begun


def open_target(
    address: Address,
    *,
    environ: Mapping[str, str],
    disk: Disk,
    clock: Clock,
    settings: AgentSettings,
    begun: "Begun | None" = None,
) -> Target:
    """Return the target. Raises CannotStartError where it needs a key and there is none.

    `begun` remembers whether the root of a `file://` address was there before.
    """
    if address.scheme == FILE:
        from tidelog.syncd.agent.target.root_target import RootTarget

        return RootTarget(address.url, address.path, disk=disk, begun=begun)
    find_key(address, environ, disk)
    from tidelog.syncd.agent.target.http_target import HttpTarget

    return HttpTarget(
        address.url,
        read_key=lambda: find_key(address, environ, disk),
        settings=settings,
        clock=clock,
    )
