"""What a hub allows itself and others: one table, so that a test can make each of them tiny."""

from dataclasses import dataclass, field

from tidelog.syncd.protocol import WireLimits

MIB = 1024 * 1024
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class HubLimits:
    """Every bound of a hub's memory, time and queues."""

    wire: WireLimits = field(default_factory=WireLimits)
    bodies_bytes_max: int = 24 * MIB
    """Bodies in memory at one time, as they came."""
    bodies_per_account_bytes_max: int = 16 * MIB
    """Those of one account; a single larger one is its only one. The rest is for others."""
    waiting_max: int = 2048
    """Requests that wait for one thing, such as memory; who comes behind them is sent away with 429."""
    waiting_per_account_max: int = 512
    """Those of one account."""
    control_bytes_max: int = 64 * 1024
    """A body of JSON that asks for something, such as a key."""
    body_wait_s: float = 20.0
    """How long a request waits for its turn, such as for memory, before it is sent away with 503."""
    headers_s: float = 8.0
    """How long the headers of a request may take to arrive, and a TLS handshake."""
    stall_s: float = 8.0
    """How long a body, or the reading of an answer, may stand still."""
    rate_bytes_min: int = 16 * 1024
    """Bytes a second that both must reach besides: half of what an agent demands of its uploads."""
    idle_s: float = 75.0
    """How long a connection is kept open for another request."""
    connections_max: int = 4096
    """Connections at one time; fewer where the system gives fewer descriptors."""
    strangers_max: int = 1024
    """Those over which no good key came yet."""
    strangers_per_address_max: int = 256
    """Those of one address, or of one IPv6 network; a whole institute may stand behind it."""
    connections_look_s: float = 1.0
    """How often they are looked through for slow ones."""
    backlog: int = 1024
    """Connections that the system keeps for us until we accept them."""
    linger_s: float = 5.0
    """How long the rest of a refused body is read and thrown away, so that the answer arrives."""
    header_bytes_max: int = 8 * 1024
    """One header line; the longest of ours, damage, has 6 KiB."""
    headers_max: int = 48
    """Header lines of a request: browsers send 20, and proxies add a dozen."""
    writers_max: int = 2
    """Appends that are decoded, judged and written at one time."""
    syncs_max: int = 16
    """Appends that wait for the disk at one time: its file system commits them together."""
    synced_aside_bytes_max: int = 1 * MIB
    """A longer append is synced by the thread that wrote it, so that few are in memory."""
    filers_max: int = 2
    """Files, or batches of small ones, that are written and synced at one time."""
    keep_free_bytes: int | None = None
    """Room on the disk that no upload may take; None for a hundredth of it, at most 1 GB."""
    provers_max: int = 8
    """Who asks what is held, byte by byte, such as to verify a run, at one time."""
    provers_per_account_max: int = 2
    """Those of one account: it may have them read gigabytes, and the others wait for none of it."""
    readers_max: int = 2
    """Downloads that read a block, and short looks at the disk, at one time."""
    runs_listed_max: int = 100_000
    """Runs in one answer."""
    held_look_s: float = 1.0
    """So long it is looked for what is held of runs; the answer then has those that were looked at."""
    shutdown_s: float = 10.0
    """How long requests in progress may take to end when the hub is stopped."""
    keys_max: int = 10_000
    """API keys of one hub that open something."""
    keys_per_account_max: int = 100
    """API keys of one account; so many more are remembered that are revoked or expired."""
    accounts_max: int = 10_000
    """Accounts of one hub, disabled ones included."""
    refusals_burst: int = 20
    """Unknown keys from one address before it is told to wait."""
    refusals_per_s: float = 0.5
    """Unknown keys a second from one address that are answered in words, once the burst is used up."""
    refusing_addresses_max: int = 4096
    """Addresses that are remembered for that."""
    last_use_interval_s: float = 60.0
    """How often the times of last use are written down: a crash loses as much of them."""
    trash_kept_s: float = 7 * DAY_S
    """For how long a deleted run can be restored."""
    sweep_interval_s: float = 3600.0
    """How often the trash is looked through."""
    # The page and its sign-in
    form_bytes_max: int = 16 * 1024
    """The body of a form."""
    key_session_s: float = 7 * DAY_S
    """For how long a browser stays signed in by a key."""
    sso_session_s: float = 12 * 3600.0
    """For how long by single sign-on: only then is the provider asked again."""
    sessions_max: int = 10_000
    """Browsers that are signed in; who comes then ends the oldest."""
    sessions_per_account_max: int = 100
    signins_burst: int = 50
    """Sign-ins of one account before it is told to wait: each is a line of the audit log."""
    signins_per_s: float = 0.1
    """Sign-ins a second of one account after that."""
    shown_runs_max: int = 100
    """Runs in one list of the page."""
    shown_summary_max: int = 8
    """Values of a run in that list."""
    shown_media_max: int = 100
    """Media in one list of the page."""
    shown_facts_max: int = 500
    """Lines of a run's summary, config or facts on the page."""
    # Single sign-on
    sso_flow_s: float = 600.0
    """For how long somebody may be away at the provider."""
    sso_timeout_s: float = 10.0
    """How long the provider may take for one answer."""
    sso_answer_bytes_max: int = 256 * 1024
    """One answer of the provider."""
    sso_asking_max: int = 4
    """Sign-ins for which the provider is asked at one time."""
    sso_waiting_max: int = 32
    """Sign-ins that wait for that; who comes then hears 429."""
    sso_known_s: float = 3600.0
    """For how long the provider's description and keys are good."""
    sso_refresh_s: float = 60.0
    """How often an unknown key lets them be fetched again, at most."""
    sso_skew_s: float = 60.0
    """How far the provider's clock may be off."""
    # Share links
    share_life_s: float = 7 * DAY_S
    """For how long a share link is good, unless told otherwise."""
    share_life_s_max: float = 366 * DAY_S
    shares_max: int = 10_000
    """Share links of one hub that are good."""
    shares_per_account_max: int = 1000
    """Those of one account, so that the others find some left."""
    shares_per_run_max: int = 100
    # TLS
    tls_look_s: float = 10.0
    """How often the certificate's files are looked at."""
    # The index of runs, and what is read by it.
    refresh_interval_s: float = 1.0
    """How long the index may be behind what arrived, while the hub is not busy."""
    new_runs_wait_s: float = 1.0
    """How long a list waits for what is new to be in the index."""
    refresh_batch_max: int = 100
    """Runs that are looked at in one go."""
    tick_s: float = 5.0
    """How often states are judged while nothing arrives."""
    request_look_s: float = 0.1
    """How often it is looked whether somebody asks for a new index."""
    silence_s: float = 300.0
    """A run that is silent for so long is unreachable; a writer that lives writes each minute."""
    scan_interval_s: float = 60.0
    """How often all runs are compared with their entries."""
    scan_rest: float = 20.0
    """A scan that takes long rests so many times as long."""
    index_retry_s: float = 10.0
    """How long an index that the disk refuses waits before it is tried again."""
    short_look_bytes: int = 4 * MIB
    """A run of which more has to be read is looked at beside the others; of sound logs the end is."""
    long_look_rest: float = 5.0
    """So many times as long as such a look took, its run waits for the next one."""
    facts_bytes_max: int = MIB
    """Config, summary, metadata of a run, each, as JSON; what is longer is left out of the index."""
    page_runs_max: int = 1000
    """Runs in one answer with their config and summary."""
    page_bytes_max: int = 16 * MIB
    """About the size of one answer; it says where to go on."""
    # History and media are read from the logs.
    askers_max: int = 2
    """Questions to the index that are answered at one time, and as many to logs."""
    questions_waiting_max: int = 64
    questions_per_account_max: int = 16
    answer_s: float = 10.0
    """How long logs may be read for one answer; then it says that it is not complete."""
    points_default: int = 500
    points_max: int = 5000
    series_max: int = 200
    """Series in one answer, fewer where they have many points."""
    points_together_max: int = 200_000
    """Points in one answer."""
    media_page_max: int = 5000
    media_of_run_max: int = 20_000
    """Media of one run that are listed."""
    runs_read_kept_max: int = 64
    media_kept_max: int = 50_000
    """Media that are remembered of the runs that were asked for last."""
    # Events
    listeners_max: int = 256
    """Programs and pages that listen to events at one time."""
    listeners_per_account_max: int = 16
    changes_kept_max: int = 1024
    """Changes that one who comes back can still be told."""
    changes_waiting_max: int = 256
    """Changes that wait for one who listens; who is slower is let go."""
    listener_look_s: float = 1.0
    """How often a hub looks whether who listens is still there."""
    heartbeat_s: float = 15.0
    """How often a silent stream of events says that it is there."""
