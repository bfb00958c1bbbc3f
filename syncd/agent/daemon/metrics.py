"""A status in the text format of Prometheus. No I/O.

The labels are targets and fixed words: however many runs there are, the number of series is small.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

__all__ = ["CONTENT_TYPE_PLAIN_0_0_4", "exposition"]

Document = Mapping[str, Any]

_OF_TARGET: list[tuple[str, str, Callable[[Document], float]]] = [
    ("target_up", "1 where the target works, 0 during an outage or while it refuses the key",
     lambda target: float(target["outage"] is None)),
    ("outage_seconds", "How long the outage has lasted, 0 where there is none",
     lambda target: target["outage"]["lasts_s"] if target["outage"] else 0.0),
    ("lag_seconds", "How long the oldest row of a live run has waited for its acknowledgement",
     lambda target: target["lag"]["live_s"]),
    ("lag_rows", "Rows of live runs that are not acknowledged, estimated beyond 1 MiB of logs",
     lambda target: target["lag"]["rows"]),
    ("lag_bytes", "Bytes of all logs that are not acknowledged",
     lambda target: target["lag"]["bytes"]),
    ("queue_tasks", "Logs and groups of files that are not done, those under way included",
     lambda target: target["wanted"]),
    ("under_way_tasks", "Uploads that go on now",
     lambda target: len(target["under_way"])),
    ("waiting_tasks", "Tasks that failed and will be tried again",
     lambda target: target["waiting_count"]),
    ("parked_tasks", "Tasks that wait for a person",
     lambda target: target["parked_count"]),
    ("damaged_places", "Damaged places in logs, found since the daemon started",
     lambda target: target["damaged_count"]),
]  # fmt: skip
_OF_DAEMON: list[tuple[str, str, Callable[[Document], float]]] = [
    ("uptime_seconds", "How long the daemon has run", lambda status: status["uptime_s"]),
    ("runs", "Run directories below the roots", lambda status: status["runs"]),
    ("live_runs", "Runs that may be growing", lambda status: status["live_runs"]),
    ("scan_seconds", "How long the last full scan of the roots took", lambda status: status["sweep_s"]),
    ("root_problems", "Paths that cannot be watched", lambda status: status["problem_count"]),
    ("held", "1 while it is paused or in quiet hours", lambda status: float(status["held"] is not None)),
]
_KINDS = ("logs", "small_files", "large_files", "held_back")


class _Collector:
    """What prometheus-client asks for families of samples."""

    def __init__(self, status: Document, version: str) -> None:
        self._status = status
        self._version = version

    def collect(self) -> Iterator[Metric]:
        status, targets = self._status, self._status["targets"]
        yield InfoMetricFamily("tidelog_build", "The version", value={"version": self._version})
        for name, text, value_of in _OF_DAEMON:
            yield GaugeMetricFamily(f"tidelog_{name}", text, value=value_of(status))
        yield CounterMetricFamily("tidelog_scans", "Full scans of the roots", value=status["sweeps"])
        for name, text, value_of in _OF_TARGET:
            samples = [((target["target"],), value_of(target)) for target in targets]
            yield _gauge(name, text, ["target"], samples)
        for unit in ("count", "bytes"):
            name = "queue_items" if unit == "count" else "queue_bytes"
            samples_by_kind = [
                ((target["target"], kind), target["queue"][kind][unit])
                for target in targets
                for kind in _KINDS
            ]
            yield _gauge(name, "What is to be sent, by kind", ["target", "kind"], samples_by_kind)
        for unit in ("bytes", "chunks"):
            yield _sent(unit, targets)


def exposition(status: Document, *, version: str) -> bytes:
    """Return the metrics of a daemon's status."""
    # It asks for no more of a registry than that it collects.
    return generate_latest(_Collector(status, version))


def _gauge(
    name: str, text: str, labels: list[str], samples: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    family = GaugeMetricFamily(f"tidelog_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric([value.encode(errors="replace").decode() for value in values], value)
    return family


def _sent(unit: str, targets: Iterable[Document]) -> Metric:
    text = f"Acknowledged {unit} since the daemon started"
    family = CounterMetricFamily(f"tidelog_sent_{unit}", text, labels=["target"])
    for target in targets:
        family.add_metric([target["target"]], target["sent"][unit])
    return family
