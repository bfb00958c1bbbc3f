"""What one option of `init()` may be, and what it is where something else was typed. No I/O."""

from collections.abc import Mapping
from typing import Any

from tidelog.datastore.writer import DURABILITIES, Durability
from tidelog.sdk.console.capture import OFF, REDIRECT, WRAP
from tidelog.sdk.monitor.pace import parse_interval
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
CONSOLES = {"wrap": WRAP, "redirect": REDIRECT, "off": OFF}
CONSOLES |= dict.fromkeys(("auto", "wrap_raw", "wrap_emu"), WRAP)  # wandb's words.
ALL_RANKS, RANK_ZERO = "all", "zero"
RANKS = {"all": ALL_RANKS, "zero": RANK_ZERO}


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
    """Return the seconds between two samples of the machine, None for no monitor."""
    interval = parse_interval("off" if monitor is False else str(monitor or ""))
    if interval.fault is not None:
        notices.append(("monitor", interval.fault))
    return interval.seconds


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
