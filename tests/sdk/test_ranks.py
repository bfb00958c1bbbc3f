import pytest

from tidelog.sdk.ranks import ALONE, Rank, find_rank


@pytest.mark.parametrize(
    ("expected", "environ"),
    [
        (ALONE, {}),
        (ALONE, {"RANK": "0", "WORLD_SIZE": "1"}),
        (ALONE, {"RANK": "3"}),
        (ALONE, {"RANK": "x", "WORLD_SIZE": "4"}),
        (ALONE, {"RANK": "9", "WORLD_SIZE": "4"}),
        (Rank(3, 8), {"RANK": "3", "WORLD_SIZE": "8"}),
        (Rank(2, 4), {"SLURM_PROCID": "2", "SLURM_NTASKS": "4"}),
        (Rank(1, 2), {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}),
        (
            Rank(1, 2),
            {"RANK": "1", "WORLD_SIZE": "2", "SLURM_PROCID": "0", "SLURM_NTASKS": "4"},
        ),
    ],
)
def test_the_launchers_variables_tell_the_rank(expected: Rank, environ: dict[str, str]) -> None:
    """A process alone has none; torchrun's word goes before SLURM's."""
    assert expected == find_rank(environ)


def test_rank_0_writes_main_and_the_others_streams_of_their_own() -> None:
    """The stream names the log files."""
    assert ("main", "rank3") == (Rank(0, 8).stream, Rank(3, 8).stream)
