"""What every answer has in common."""

import pytest


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/runs", "/nowhere", "/v1/events", "/signin", "/page.css", "/icon.svg"]
)
def test_no_answer_names_what_the_hub_is_made_of(hub, path: str) -> None:
    """A version tells whoever scans for it what the hub is weak to."""
    answer = hub.call("HEAD" if path == "/v1/events" else "GET", path)
    assert ["tidelog"] == answer.headers.get_all("Server")
