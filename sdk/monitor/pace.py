"""How often the monitor looks and samples. Pure."""

from typing import NamedTuple

INTERVAL_DEFAULT_S = 10.0
INTERVAL_MIN_S = 0.1
FIRST_SAMPLE_S = 1.0
"""The first sample comes soon, so that short runs have one."""

LOOK_S = 1.0
"""So often the run directory is looked at: for new logs, and for the end of those that are known."""

CPU_SHARE_MAX = 0.005
"""Samples may take so much of a core: where one costs more, the next one comes later."""

OFF = ("off", "false", "no", "0")
ON = ("on", "true", "yes")


class Interval(NamedTuple):
    """Seconds between samples, None for no monitor; `fault` says what was wrong with the setting."""

    seconds: float | None
    fault: str | None = None


def parse_interval(setting: str | None) -> Interval:
    """Return what the setting `monitor` asks for: "off", or a number of seconds."""
    text = (setting or "").strip().lower()
    if text in OFF:
        return Interval(None)
    if not text or text in ON:
        return Interval(INTERVAL_DEFAULT_S)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if INTERVAL_MIN_S <= seconds < float("inf"):
        return Interval(seconds)
    fault = (
        f"monitor {text[:60]!r} is neither off nor a number of seconds from {INTERVAL_MIN_S:g} on: "
        f"the machine is sampled every {INTERVAL_DEFAULT_S:g} s"
    )
    return Interval(INTERVAL_DEFAULT_S, fault)


def pause_s(interval_s: float, *, cost_s: float) -> float:
    """Return how long after a sample the next one comes; `cost_s` is what it took of a core."""
    return max(interval_s, cost_s / CPU_SHARE_MAX)
