"""What started the processes of a job together: its ranks find one run by it. No I/O.

All processes of one launch know its marks, and no other launch has the same.
"""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

JOBS = (("SLURM_JOB_ID", "slurm"), ("PBS_JOBID", "pbs"), ("LSB_JOBID", "lsf"))
"""Schedulers that give a job its number back when it is queued again."""

MARKS = (
    "SLURM_STEP_ID",  # One for each srun of a job.
    "SLURM_RESTART_COUNT",
    "TORCHELASTIC_RUN_ID",
    "TORCHELASTIC_RESTART_COUNT",
    "PMIX_NAMESPACE",
    "OMPI_MCA_ess_base_jobid",
    "PMI_JOBID",
)
UNSAID = ("", "none", "0")


class Launch(NamedTuple):
    """The names of a launch: `once` of this one alone, `job` of the job however often it is started."""

    once: str | None
    job: str | None

    def run_id(self, ordinal: int, *, is_resuming: bool) -> str | None:
        """Return the id of the `ordinal`-th run that each process begins, None where none is known."""
        name = self.job if is_resuming else self.once
        if name is None:
            return None
        return name if ordinal == 1 else f"{name}-{ordinal}"


ALONE = Launch(None, None)


def find_launch(environ: Mapping[str, str], *, parent: str | None) -> Launch:
    """Return what the variables of launchers and schedulers tell.

    `parent` names the process that started this one: a launcher that starts all ranks of a job on one
    machine is known by it.
    """
    job = _job(environ)
    marks = [f"{name}={environ[name]}" for name in MARKS if environ.get(name, "").lower() not in UNSAID]
    if job is not None:
        marks.append(job)
    if parent is not None and _is_on_one_machine(environ):
        marks.append(parent)
    if not marks:
        return Launch(None, job)
    digest = f"{zlib.crc32('|'.join(marks).encode()):08x}"
    return Launch(f"{job or 'job'}-{digest}", job)


def _job(environ: Mapping[str, str]) -> str | None:
    for name, label in JOBS:
        number = environ.get(name, "").partition(".")[0]
        if number.isalnum():
            step = environ.get("SLURM_STEP_ID", "") if label == "slurm" else ""
            return f"{label}-{number}-{step}" if step.isdecimal() else f"{label}-{number}"
    return None


def _is_on_one_machine(environ: Mapping[str, str]) -> bool:
    for size, local_size in (
        ("WORLD_SIZE", "LOCAL_WORLD_SIZE"),
        ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ):
        if size in environ:
            return environ.get(local_size) == environ[size]
    return False
