"""The fixture that runs a test on both kinds of target."""

import pytest
from agent_targets import OpenTarget, open_hub, open_root


@pytest.fixture(params=["hub", "root"])
def open_any(request: pytest.FixtureRequest) -> OpenTarget:
    """Both kinds of target: what holds for one holds for the other."""
    return open_hub if request.param == "hub" else open_root
