"""docs/protocol.md says what the code does: its tables are compared with it."""

import re
from dataclasses import fields
from pathlib import Path

from tidelog.syncd.errors import PROBLEMS
from tidelog.syncd.hub.limits import HubLimits
from tidelog.syncd.protocol import WireLimits

TEXT = Path(__file__).parents[2].joinpath("docs/protocol.md").read_text()
OWN_ANSWER = {"offset-mismatch", "different-log"}


def test_the_table_of_problems_is_the_one_in_the_code() -> None:
    """Code, status, and whether an agent tries again."""
    written = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+) \|$", TEXT, re.MULTILINE)
    assert [(problem.slug, str(problem.status)) for problem in PROBLEMS.values()] == [
        (slug, status) for slug, status, _ in written
    ]
    for slug, _, agent in written:
        if slug not in OWN_ANSWER:
            assert agent == ("tries again" if PROBLEMS[slug].is_retried else "parks")


def test_the_limits_are_those_in_the_code() -> None:
    """The defaults of the one table."""
    written = re.findall(r"^\| `([a-z_]+)` \| (\d+) \|$", TEXT, re.MULTILINE)
    limits = WireLimits()
    expected = [(field.name, str(getattr(limits, field.name))) for field in fields(limits)]
    assert expected == written
    hub = HubLimits()
    prose = " ".join(TEXT.split())
    assert f"headers has at most {hub.header_bytes_max // 1024} KiB" in prose
    assert f"a request {hub.headers_max} of them" in prose
    assert hub.headers_s + hub.connections_look_s <= 10
    assert "headers of a request must arrive within 10 s" in prose
    assert hub.stall_s + hub.connections_look_s <= 10
    assert (
        f"at {hub.rate_bytes_min // 1024} KiB a second at least, with pauses of up to {hub.stall_s:g} s"
        in prose
    )
    assert f"idle is kept for {hub.idle_s:g} s" in prose
    assert f"longer than {hub.body_wait_s:g} s" in prose
