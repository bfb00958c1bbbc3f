import pytest

from tidelog.sdk.facts.scheduler import scheduler_facts

SLURM = {
    "SLURM_JOB_ID": "4242",
    "SLURM_ARRAY_JOB_ID": "4240",
    "SLURM_ARRAY_TASK_ID": "2",
    "SLURM_JOB_NODELIST": "gpu[01-02]",
    "SLURM_JOB_PARTITION": "long",
    "SLURM_JOB_NUM_NODES": "2",
    "SLURM_RESTART_COUNT": "1",
    "SLURM_JOB_END_TIME": "1795651364",
    "SLURM_JWT": "a token",
    "JOB_ID": "4242",
}


def test_a_slurm_job_is_told() -> None:
    """Ids as text, counts and times as numbers; no other variable, such as its token."""
    assert {
        "scheduler": "slurm",
        "job_id": "4242",
        "array_job_id": "4240",
        "array_task_id": "2",
        "nodes": "gpu[01-02]",
        "partition": "long",
        "node_count": 2,
        "restart_count": 1,
        "ends_at": 1795651364,
    } == scheduler_facts(SLURM)


@pytest.mark.parametrize(
    ("expected", "environ"),
    [
        (
            {"scheduler": "pbs", "job_id": "7.host", "partition": "gpu"},
            {"PBS_JOBID": "7.host", "PBS_QUEUE": "gpu"},
        ),
        (
            {"scheduler": "lsf", "job_id": "9", "nodes": "a a b"},
            {"LSB_JOBID": "9", "LSB_HOSTS": "a a b"},
        ),
        (
            {"scheduler": "grid_engine", "job_id": "3", "submit_directory": "/w"},
            {"SGE_O_WORKDIR": "/w", "JOB_ID": "3", "SGE_TASK_ID": "undefined"},
        ),
        (None, {"JOB_ID": "3"}),
        (None, {"SLURM_JOB_ID": ""}),
        (None, {}),
    ],
)  # fmt: skip
def test_other_schedulers_are_known(expected: dict[str, str] | None, environ: dict[str, str]) -> None:
    """PBS, LSF, Grid Engine; a variable called JOB_ID alone is no job."""
    assert expected == scheduler_facts(environ)


def test_values_of_any_length_are_bounded() -> None:
    """A number that is none stays text."""
    facts = scheduler_facts(
        {"SLURM_JOB_ID": "1" * 9999, "SLURM_NTASKS": "9" * 99, "SLURM_RESTART_COUNT": "x"}
    )
    assert facts is not None
    assert (1000, "9" * 99, "x") == (len(str(facts["job_id"])), facts["tasks"], facts["restart_count"])
