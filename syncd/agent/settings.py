"""Every interval and limit of the agent, in one table; a test makes each of them tiny."""

from dataclasses import dataclass

from tidelog.syncd.protocol import APPEND_BYTES_AIM, BATCH_BYTES_AIM, SMALL_FILE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How often the agent looks, how much it sends at once, how long it waits."""

    tail_interval_s: float = 0.5
    """Between two looks at the logs that may be growing, and at the lists of runs."""
    hint_pause_s: float = 0.05
    """After a hint, before the look that it brings forward: more hints may come with it."""
    runs_interval_s: float = 10.0
    """Between two looks at the times of all run directories, and at what patterns of roots match."""
    sweep_interval_s: float = 300.0
    """Between two sweeps that list every run directory, whatever its time says."""
    tail_share: float = 0.2
    sweep_share: float = 0.01
    """Looks come more seldom where they would else take more than this share of the time."""
    slice_s: float = 0.02
    slice_logs: int = 200
    """So long goes a look on, and so many logs it finds, until it lets others have their turn."""
    fresh_max: int = 500
    """A look at the tails takes in so many new runs; a look at all runs takes in the rest."""
    live_s: float = 6 * 3600.0
    """A log without a final chunk counts as live for so long after it was last seen to grow."""
    settle_s: float = 2.0
    """A directory is listed again until it kept its time for so long: times are coarse."""
    old_s: float = 24 * 3600.0
    """A directory whose time lies further back is not: no two clocks differ so much."""
    trust_s: float = 1.0
    """An event that comes later than this after the change was seen is as good as none."""
    watches_max: int = 4096
    """So many directories are watched for events; those beyond it are found by looking."""
    answer_s: float = 5.0
    """A root that has not answered a look for so long is told; no other look at it is begun."""
    disk_threads_max: int = 256
    """So many calls on disks at a time. Where more of them hang, all roots wait."""

    tasks_max: int = 3
    """Uploads at a time, to one target."""
    lend_s: float = 1.0
    """An upload that waits for its own disk for so long lends its place to others."""
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
    asked_again_max: int = 1024
    """After an outage so many logs, the last acknowledged, are asked for again."""
    recount_interval_s: float = 24 * 3600.0
    """A target is asked about everything that it acknowledged once in so long."""
    recount_pause_s: float = 60.0
    recount_hurry_s: float = 1.0
    """Between two of these questions; in a hurry, once it was found to have lost something."""
    recount_runs: int = 500
    recount_logs: int = 4000
    """So many runs and logs one question is about."""
    recount_wanted_max: int = 1000
    """While so many tasks wait to be sent, nothing more is asked."""
    gate_interval_s: float = 30.0
    """While nothing may be sent, the wall clock is looked at again after so long."""
    drain_s: float = 10.0
    """After SIGTERM, requests under way have this long to be answered."""

    status_bytes_max: int = 1024 * 1024
    """For one status, so much of the logs is read to count the rows to send; the rest is estimated."""
    status_files_max: int = 10_000
    """Of the files to send, so many are looked at one by one; beyond that they are estimated."""
    status_entries_max: int = 1000
    """A list in a status has at most so many entries; the count beside it is whole."""
    control_line_bytes_max: int = 64 * 1024
    state_bytes_max: int = 1 << 30
    """The size of the LMDB map; address space, not memory."""
