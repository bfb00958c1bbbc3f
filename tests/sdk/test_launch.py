import pytest

from tidelog.sdk.launch import ALONE, Launch, find_launch

SRUN = {"SLURM_JOB_ID": "77", "SLURM_STEP_ID": "0"}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "f0-ab", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4"}
NODES = {"WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4"}
MPI = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"}


def test_a_process_alone_has_no_launch() -> None:
    """A terminal is a parent too, and starts many scripts."""
    assert ALONE == find_launch({}, parent="1@5")
    assert ALONE == find_launch(NODES, parent="1@5")


@pytest.mark.parametrize(
    ("environ", "parent"),
    [
        (SRUN, "1@5"),
        (TORCHRUN, "1@5"),
        ({**NODES, "TORCHELASTIC_RUN_ID": "job-5"}, "1@5"),
        (MPI, "1@5"),
        ({**MPI, "PMIX_NAMESPACE": "prterun-1"}, None),
        ({"PBS_JOBID": "12.server"}, None),
    ],
)
def test_all_ranks_of_a_launch_give_it_one_name_and_no_other_launch_has_it(
    environ: dict[str, str], parent: str | None
) -> None:
    """Whatever tells the ranks apart is no part of it; whatever tells launches apart is."""
    first = find_launch({**environ, "RANK": "0", "LOCAL_RANK": "0"}, parent=parent)
    second = find_launch({**environ, "RANK": "1", "LOCAL_RANK": "1"}, parent=parent)
    assert first.once is not None
    assert first == second
    again = find_launch({**environ, "SLURM_STEP_ID": "1", "TORCHELASTIC_RUN_ID": "x"}, parent="2@9")
    assert first.once != again.once


def test_nodes_that_share_no_parent_are_known_by_what_their_launcher_says() -> None:
    """A parent counts only where it started all ranks."""
    environ = {**NODES, "TORCHELASTIC_RUN_ID": "job-5"}
    assert find_launch(environ, parent="1@5") == find_launch(environ, parent="9@7")


@pytest.mark.parametrize(
    ("expected", "environ"),
    [
        ("slurm-77-0", SRUN),
        ("slurm-77", {"SLURM_JOB_ID": "77"}),
        ("pbs-12", {"PBS_JOBID": "12.server"}),
        ("lsf-3", {"LSB_JOBID": "3"}),
        (None, TORCHRUN),
        (None, {"SLURM_JOB_ID": "../x"}),
    ],
)
def test_a_job_that_is_queued_again_has_the_name_that_it_had(
    expected: str | None, environ: dict[str, str]
) -> None:
    """A restart is another launch of the same job."""
    before = find_launch(environ, parent="1@5")
    after = find_launch({**environ, "SLURM_RESTART_COUNT": "1"}, parent="8@9")
    assert (expected, expected) == (before.job, after.job)
    assert before.once != after.once


def test_runs_of_one_process_are_numbered() -> None:
    """The first has the launch's own name."""
    launch = Launch("job-1", "slurm-7")
    assert ["job-1", "job-1-2"] == [launch.run_id(n, is_resuming=False) for n in (1, 2)]
    assert ["slurm-7", "slurm-7-2"] == [launch.run_id(n, is_resuming=True) for n in (1, 2)]
    assert ALONE.run_id(1, is_resuming=False) is None
