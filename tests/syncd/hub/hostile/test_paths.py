"""Thousands of spellings in every field that becomes a path or a name, against a real hub process."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hostile.fields import fields
from hostile.lair import SECRET, Lair
from hostile.path_spellings import TRAPS, spellings
from hostile.raw_http import RawConnection, request
from syncd_process import HubProcess

from tidelog.syncd.hub.guard.key_file import KeyFile

EVERY = 251
"""In `make test` one spelling of so many; a prime, so that each field meets other ones."""
SKIPPED = b" \r\n"
"""Bytes that end the target: what follows is another field of HTTP, and the business of test_http.py."""


def attack(place: Path, *, every: int) -> Counter[int]:
    """Send the spellings in all fields, and return how many answers had which status."""
    lair = Lair(place)
    key = KeyFile(lair.data).create("test", role="admin")
    seen: Counter[int] = Counter()
    with HubProcess(lair.data) as hub, RawConnection(hub.port) as connection:
        hub.drain()
        answer = connection.exchange(request("GET", b"/v1/openapi.json", key=key))
        document = json.loads(answer.body) if answer.status == 200 else None
        for number, (name, make) in enumerate(fields(key, document).items()):
            for spelling in dict.fromkeys([*TRAPS, *spellings()[number % every :: every]]):
                if any(byte in spelling for byte in SKIPPED) and not name.startswith(("files:", "key")):
                    continue
                answer = connection.exchange(make(spelling), has_body=not name.startswith("HEAD"))
                seen[answer.status] += 1
                assert answer.status == 0 or 200 <= answer.status < 500, (name, spelling, answer)
                assert SECRET not in answer.whole, (name, spelling)
                assert str(place).encode() not in answer.whole, (name, spelling)
                assert b"Traceback" not in answer.whole, (name, spelling)
        assert 0 == hub.terminate()
    lair.check()
    return seen


def test_no_spelling_of_a_name_leads_out_of_the_data_folder(tmp_path: Path) -> None:
    """0 bytes outside are read or changed, no planted link is followed, and nothing fails."""
    seen = attack(tmp_path, every=EVERY)
    assert seen.total() > 500
    assert {200, 400, 404} <= set(seen)


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_none_of_all_spellings_leads_out_of_the_data_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same, with every one of them in every field."""
    seen = attack(tmp_path, every=1)
    assert len(spellings()) >= 3000
    with capsys.disabled():
        print(f"\n{len(spellings())} spellings, {seen.total()} requests, by status: {dict(seen)}")


def test_the_spellings_are_thousands_and_each_is_there_once() -> None:
    """Made by rule: the same list each time."""
    assert 3000 < len(spellings()) == len(set(spellings()))
    assert spellings() == spellings()
