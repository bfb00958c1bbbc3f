"""An address to listen on, as a person writes it. A value; no I/O."""

import ipaddress
from typing import Final, NamedTuple

from tidelog.syncd.errors import CannotStartError

PORT_MAX = 65_535
LOOPBACK: Final = frozenset(["127.0.0.1", "::1", "localhost"])
"""How an address calls this very machine."""


class Listen(NamedTuple):
    """Where to accept connections; port 0 means any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """Return the address that HOST:PORT names, or raise CannotStartError."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > PORT_MAX:
            raise CannotStartError(
                f"{text!r} is no address to listen on; write HOST:PORT, like 127.0.0.1:7070"
            )
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Tell whether nobody but this machine can connect to it."""
        if self.host in LOOPBACK:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
