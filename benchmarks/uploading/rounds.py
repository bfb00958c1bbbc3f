"""The interleaved run: each job is made once, then, round after round, every way has its turn."""

import shutil
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.environment import InstallError
from benchmarks.uploading.ends import UploadError
from benchmarks.uploading.jobs import PROJECT, Job, Sizes, jobs
from benchmarks.uploading.relay import Wire
from benchmarks.uploading.ways import Trip, Way, size_of, ways

BUDGET_S = 60.0
"""A way that has taken as long as this with a job has no further round of it."""

ROOM = 2.2
"""So many times a job's bytes must be free: it lies here once, arrives once, and is kept account of."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """One trip: seconds on the clock, of the processor at both ends, and the largest resident sizes."""

    wall_s: float
    agent_cpu_s: float
    hub_cpu_s: float
    agent_bytes: int
    hub_bytes: int


@dataclass(slots=True)
class Result:
    """What one way did with one job; `failure` is the reason why there is nothing more to tell."""

    name: str
    way: str
    job: str
    size_bytes: int = 0
    files: int = 0
    version: str = ""
    failure: str = ""
    samples: list[Sample] = field(default_factory=list)
    wire: Wire | None = None

    def median(self, quantity: str) -> float:
        """Return the median over the rounds of one field of `Sample`."""
        return statistics.median(getattr(sample, quantity) for sample in self.samples)

    @property
    def is_out(self) -> bool:
        """Whether it has no further round."""
        return bool(self.failure) or sum(sample.wall_s for sample in self.samples) > BUDGET_S

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Result":
        """Return what `as_json` told."""
        wire = told["wire"] and Wire(**told["wire"])
        return cls(**{**told, "samples": [Sample(**one) for one in told["samples"]], "wire": wire})


def run(
    *,
    rounds: int,
    folder: Path,
    tell: Tell,
    sizes: Sizes | None = None,
    roster: Sequence[Way] | None = None,
) -> list[Result]:
    """Return a result for each way and job that it has."""
    done: list[Result] = []
    for number, job in enumerate(jobs(sizes or Sizes())):
        source = folder / f"source-{number}"
        pairs = [
            (way, Result(f"{way.name}: {job.name}", way.name, job.name))
            for way in roster or ways()
            if way.prepare is None or job.peer
        ]
        try:
            _make(job, source, pairs, tell)
            _take_turns(job, source, pairs, rounds=rounds, tell=tell)
        finally:
            for used in folder.glob(f"source-{number}*"):
                shutil.rmtree(used, ignore_errors=True)
        done += [result for _way, result in pairs]
    return done


def _make(job: Job, source: Path, pairs: Sequence[tuple[Way, Result]], tell: Tell) -> None:
    tell(f"upload: making {job.name}")
    free, needed = shutil.disk_usage(source.parent).free, int(job.bytes_expected * ROOM)
    if free < needed:
        for _way, result in pairs:
            result.failure = (
                f"{job.name} needs {needed / 1e9:.1f} GB of room, {free / 1e9:.1f} GB are free"
            )
        return
    job.make(source / PROJECT)
    for way, result in pairs:
        result.size_bytes = size_of(source)
        result.files = sum(path.is_file() for path in source.rglob("*"))
        result.failure = way.why_not()
        if result.failure:
            continue
        result.version = way.version()
        try:
            if way.prepare is not None:
                tell(f"upload: {way.name}: recording {job.name}")
                way.prepare(job, source)
        except (UploadError, InstallError) as error:
            result.failure = str(error)


def _take_turns(
    job: Job, source: Path, pairs: Sequence[tuple[Way, Result]], *, rounds: int, tell: Tell
) -> None:
    for number in range(rounds + 1):
        # The first round is for counting what goes over the wire; it warms the caches, too.
        first = number % max(1, len(pairs))
        for way, result in (*pairs[first:], *pairs[:first]):
            if result.is_out:
                continue
            what = f"round {number} of {rounds}" if number else "counting"
            tell(f"upload, {what}: {result.name}")
            trip = Trip(job, source, source.with_name("trip"), is_counted=number == 0)
            try:
                _go(way, trip, result)
            except UploadError as error:
                result.failure = str(error)
                tell(f"{result.name} FAILED: {error}")


def _go(way: Way, trip: Trip, result: Result) -> None:
    trip.folder.mkdir()
    try:
        way.carry(trip)
    finally:
        shutil.rmtree(trip.folder, ignore_errors=True)
    if trip.is_counted:
        result.wire = trip.wire
        return
    result.samples.append(
        Sample(
            wall_s=trip.agent.wall_s,
            agent_cpu_s=trip.agent.cpu_s,
            hub_cpu_s=trip.hub.cpu_s,
            agent_bytes=trip.agent.peak_bytes,
            hub_bytes=trip.hub.peak_bytes,
        )
    )
