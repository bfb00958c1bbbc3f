"""What one option of `init()` may be, and what it is where something else was typed. No I/O."""

from collections.abc import Mapping
from typing import Any

from tidelog.datastore.writer import DURABILITIES, Durability
from tidelog.sdk.naming import name_fault
from tidelog.sdk.notices import shown
from tidelog.sdk.options import Notice

ONLINE, OFFLINE, DISABLED = "online", "offline", "disabled"
MODES = {
    "online": ONLINE,
    "offline": OFFLINE,
    "disabled": DISABLED,
    # wandb's older and rarer names.
    "run": ONLINE,
    "shared": ONLINE,
    "dryrun": OFFLINE,
}

ALLOW, MUST, NEVER, AUTO = "allow", "must", "never", "auto"
RESUMES = {"": None, "allow": ALLOW, "must": MUST, "never": NEVER, "auto": AUTO, "true": AUTO}
CONSOLES = {"wrap": "wrap", "redirect": "redirect", "off": "off", "auto": "wrap"}
ALL_RANKS, RANK_ZERO = "all", "zero"
RANKS = {"all": ALL_RANKS, "zero": RANK_ZERO}

MONITOR_INTERVAL_S = 15.0
MONITOR_INTERVAL_MIN_S = 0.1


def choose_mode(mode: object, notices: list[Notice], *, has_hub: bool) -> str:
    default = ONLINE if has_hub else OFFLINE
    if mode is None or mode == "":
        return default
    chosen = MODES.get(mode.lower()) if isinstance(mode, str) else None
    if chosen is None:
        notices.append(
            (
                "mode",
                f"mode {shown(mode)} is none of online, offline, disabled; the run is recorded offline",
            )
        )
        return OFFLINE
    return chosen


def choose(
    name: str, chosen: Mapping[str, Any], choices: Mapping[str, Any], notices: list[Notice]
) -> str | None:
    """Return which of the choices an option is; None where it is not given, or none of them."""
    value = chosen.get(name)
    if value is None or value is False:
        return None
    text = str(value).lower()
    if text not in choices:
        known = ", ".join(each for each in choices if each)
        notices.append((name, f"{name} {shown(value)} is none of {known}; it is passed over"))
        return None
    choice: str | None = choices[text]
    return choice


def choose_durability(durability: Any, notices: list[Notice]) -> Durability:
    if durability in (None, ""):
        return "process"
    for known in DURABILITIES:
        if durability == known:
            return known
    text = f"durability {shown(durability)} is none of {', '.join(DURABILITIES)}: 'process' it is"
    notices.append(("durability", text))
    return "process"


def choose_monitor_interval(monitor: object, notices: list[Notice]) -> float | None:
    if monitor is None or monitor == "":
        return MONITOR_INTERVAL_S
    if monitor is False or str(monitor).lower() in ("off", "false", "no"):
        return None
    try:
        interval_s = float(str(monitor))
    except ValueError:
        interval_s = -1.0
    if not MONITOR_INTERVAL_MIN_S <= interval_s < float("inf"):
        text = (
            f"monitor {shown(monitor)} is neither 'off' nor a number of seconds of at least "
            f"{MONITOR_INTERVAL_MIN_S}: every {MONITOR_INTERVAL_S:g} s it is"
        )
        notices.append(("monitor", text))
        return MONITOR_INTERVAL_S
    return interval_s


def choose_fork(fork: object, notices: list[Notice]) -> tuple[str, int] | None:
    """Return run id and step of `"<id>?_step=<n>"`, wandb's way to name a step of a run."""
    if fork is None:
        return None
    run_id, mark, step = str(fork).partition("?_step=")
    if mark and step.isdecimal() and name_fault("run id", run_id) is None:
        return run_id, int(step)
    text = (
        f"init(fork_from={shown(fork)}) names no step of a run: write '<run id>?_step=<n>'; the run "
        "begins without one"
    )
    notices.append(("fork_from", text))
    return None
