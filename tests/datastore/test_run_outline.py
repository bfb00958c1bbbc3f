"""What the logs of a run say of its end, without anybody's clock or machine."""

from dataclasses import replace
from typing import Any

import pytest

from tidelog.datastore.run_outline import LastLife, outline_of

SILENT = LastLife(final=None, ending=None, death=None, facts={"host": "me", "pid": 7}, last_time=1.0)


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("failed", {"final": {"state": "failed"}}),
        ("finished", {"ending": {"code": 0}}),
        ("crashed", {"death": {"code": -9}}),
        (None, {}),
    ],
)
def test_how_a_run_ended_is_what_its_last_life_says(expected: str | None, told: dict[str, Any]) -> None:
    """Silence is no end: who wrote last may still be there."""
    assert expected == replace(outline_of([]), last_life=replace(SILENT, **told)).ended


def test_a_run_without_a_log_has_no_end() -> None:
    """It has not begun."""
    assert outline_of([]).ended is None
