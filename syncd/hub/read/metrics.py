"""The state of a hub in the text format of Prometheus. No I/O.

Labels are fixed words and routes, never projects or runs: there are as many series for a million runs.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from tidelog.syncd.hub.read.tally import Answered

__all__ = ["CONTENT_TYPE_PLAIN_0_0_4", "Condition", "exposition"]


class Condition(NamedTuple):
    """What a hub knows of itself; `sums` are runs and bytes by (what, state)."""

    version: str
    sums: Mapping[tuple[str, str], int]
    answers: Mapping[Answered, int]
    received_bytes: int
    waiting_runs: int
    is_complete: bool
    has_fault: bool
    scans: int
    scan_s: float
    listeners: int


class _Collector:
    """What prometheus-client asks for families of samples."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition

    def collect(self) -> Iterator[Metric]:
        now = self._condition
        yield InfoMetricFamily("tidelog_hub_build", "The version", value={"version": now.version})
        for what, text in (
            ("runs", "Runs that are held"),
            ("log_bytes", "Bytes of their logs"),
            ("file_bytes", "Bytes of their media and files"),
        ):
            family = GaugeMetricFamily(f"tidelog_hub_{what}", text, labels=["state"])
            for (kind, state), amount in now.sums.items():
                if kind == what:
                    family.add_metric([state], amount)
            yield family
        answers = CounterMetricFamily(
            "tidelog_hub_answers", "Answers since the start", labels=["method", "route", "status"]
        )
        for answered, count in now.answers.items():
            answers.add_metric([answered.method, answered.route, str(answered.status)], count)
        yield answers
        yield CounterMetricFamily(
            "tidelog_hub_received_bytes", "Bytes of bodies that were stored", value=now.received_bytes
        )
        for name, text, value in (
            ("index_waiting_runs", "Runs that the index is to look at", now.waiting_runs),
            ("index_complete", "1 once every run was looked at", now.is_complete),
            ("index_fault", "1 while the index cannot be kept", now.has_fault),
            ("scan_seconds", "How long the last scan of all runs took", now.scan_s),
            ("listeners", "Programs and pages that listen to events", now.listeners),
        ):
            yield GaugeMetricFamily(f"tidelog_hub_{name}", text, value=float(value))
        yield CounterMetricFamily("tidelog_hub_scans", "Scans of all runs", value=now.scans)


def exposition(condition: Condition) -> bytes:
    """Return the metrics of a hub."""
    # It asks for no more of a registry than that it collects.
    return generate_latest(_Collector(condition))
