"""Every interval and limit of the agent, in one table; a test makes each of them tiny."""

from dataclasses import dataclass

from tidelog.syncd.protocol import APPEND_BYTES_AIM, BATCH_BYTES_AIM, SMALL_FILE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How often the agent looks, how much it sends at once, how long it waits."""

    tail_interval_s: float = 0.5
    """Between two looks at the logs that may be growing, and at the lists of runs."""
    runs_interval_s: float = 10.0
    """Between two looks at the times of all run directories, unless a hint comes before."""
    sweep_interval_s: float = 300.0
    """Between two sweeps that list every run directory, whatever its time says."""
    live_s: float = 3600.0
    """A log without a final chunk counts as live for so long after it last grew."""
    settle_s: float = 2.0
    """A directory that changed so recently is listed again: its time may be too coarse to tell."""

    tasks_max: int = 3
    """Uploads at a time, to one target."""
    append_bytes: int = APPEND_BYTES_AIM
    """A range of a log is cut at the first chunk's end behind so many bytes."""
    append_bytes_max: int = 32 * 1024 * 1024
    """A range that damage makes longer than this cannot travel."""
    damage_ranges_max: int = 200
    """A range is cut once it declares so many damaged places."""
    small_file_bytes_max: int = SMALL_FILE_BYTES_MAX
    """Files up to this size travel many in one body."""
    batch_bytes: int = BATCH_BYTES_AIM
    batch_files_max: int = 500
    piece_bytes: int = APPEND_BYTES_AIM
    """A large file travels in pieces of this size."""

    backoff_first_s: float = 0.5
    backoff_max_s: float = 60.0
    retry_after_max_s: float = 3600.0
    """A longer `Retry-After` is not believed."""
    connect_timeout_s: float = 10.0
    answer_timeout_s: float = 60.0
    """A request may take this long, and besides as long as its body takes at `rate_bytes_min`."""
    rate_bytes_min: int = 32 * 1024
    gate_interval_s: float = 30.0
    """While nothing may be sent, the wall clock is looked at again after so long."""
    drain_s: float = 10.0
    """After SIGTERM, requests under way have this long to be answered."""

    status_bytes_max: int = 1024 * 1024
    """For one status, so much of the logs is read to count the rows to send; the rest is estimated."""
    status_files_max: int = 20_000
    """Of the files to send, so many are looked at one by one; beyond that they are estimated."""
    status_entries_max: int = 1000
    """A list in a status has at most so many entries; the count beside it is whole."""
    control_line_bytes_max: int = 64 * 1024
    state_bytes_max: int = 1 << 30
    """The size of the LMDB map; address space, not memory."""
