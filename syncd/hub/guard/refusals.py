"""How often somebody may do something before he is told to wait. No I/O, no clock.

Above all: how often an address may come with a key that is none. Of keys only unknown ones count:
whoever shows a good one is let in, however many bad ones came from the same address (a whole institute
may stand behind it), and hears why an expired or revoked one is refused.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

IPV6_PREFIX = 64
"""One IPv6 customer has this many bits of addresses, or more: they count as one."""


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float


class Refusals:
    """An allowance for each address: a burst, then so many a second. Times are monotonic seconds."""

    def __init__(self, *, burst: int, per_s: float, addresses_max: int) -> None:
        self._burst = float(burst)
        self._per_s = per_s
        self._addresses_max = addresses_max
        self._allowances: OrderedDict[str, _Allowance] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Refusals of {len(self._allowances)} addresses>"

    def refuse(self, address: str, now: float) -> tuple[bool, bool]:
        """Count one refusal; tell whether it may be answered in words, and whether it was the last such.

        An address that is told to wait for the first time in a while is worth a line in the audit log.
        """
        known = self._known(group_of(address), now)
        if known.left < 1.0:
            return False, False
        known.left -= 1.0
        return True, known.left < 1.0

    def wait_s(self) -> float:
        """Return after how long an address that used up its allowance has some again."""
        return 1.0 / self._per_s

    def _known(self, group: str, now: float) -> _Allowance:
        known = self._allowances.get(group)
        if known is None:
            known = self._allowances[group] = _Allowance(self._burst, now)
            if len(self._allowances) > self._addresses_max:
                self._allowances.popitem(last=False)
            return known
        self._allowances.move_to_end(group)
        known.left = min(self._burst, known.left + (now - known.at) * self._per_s)
        known.at = now
        return known


def group_of(address: str) -> str:
    """Return what counts as one: an IPv4 address, or the network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
