"""What a hub allows itself and others: one table, so that a test can make each of them tiny."""

from dataclasses import dataclass, field

from tidelog.syncd.protocol import WireLimits

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Every bound of a hub's memory, time and queues."""

    wire: WireLimits = field(default_factory=WireLimits)
    bodies_bytes_max: int = 16 * MIB
    """Bodies in memory at one time, as they came; a single larger one is taken alone."""
    body_wait_s: float = 20.0
    """How long a request waits for memory before it is sent away with 503."""
    body_deadline_s: float = 120.0
    """How long a body may take to arrive."""
    idle_s: float = 75.0
    """How long a connection may take to send the headers of a request."""
    linger_s: float = 5.0
    """How long the rest of a refused body is read and thrown away, so that the answer arrives."""
    header_bytes_max: int = 16 * 1024
    """One header line."""
    writers_max: int = 2
    """Bodies that are decoded, judged and written at one time."""
    readers_max: int = 2
    """Listings and downloads that read from the disk at one time."""
    runs_listed_max: int = 100_000
    """Runs in one answer."""
    shutdown_s: float = 10.0
    """How long requests in progress may take to end when the hub is stopped."""
    keys_max: int = 1000
    """API keys of one hub, revoked ones included."""
