import pytest

from tidelog.datastore.layout import is_stray


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        (True, "model.pt"),
        (True, "checkpoints"),
        (True, "run.json.bak"),
        (False, "main.0001.tlog"),
        (False, "anything.tlog"),
        (False, "media"),
        (False, "files"),
        (False, "run.json"),
        (False, "summary.json"),
        (False, "salvage.json"),
        (False, ".nfs0001"),
        (False, "model.pt.1a2b3c4d.tmp"),
    ],
)
def test_what_is_none_of_ours_in_a_run_directory_is_a_stray(expected: bool, name: str) -> None:
    """Logs, what lies beside them, and what is hidden or unfinished are none."""
    assert expected == is_stray(name)
