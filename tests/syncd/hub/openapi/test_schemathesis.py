"""Requests made from the OpenAPI document, good and bad: never a 500, every answer as documented."""

import json

import msgpack
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from log_spec import log_of_every_kind
from schemathesis import GenerationMode
from waiting import PATIENCE_S

from tidelog.syncd.hub.openapi.document import openapi_document
from tidelog.syncd.protocol import EVENTS_PATH, digest_header

DOCUMENT = json.loads(openapi_document())
OPERATIONS = {
    f"{each.ok().method.upper()} {each.ok().path}": each.ok()
    for each in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
    if each.ok().path != EVENTS_PATH  # That one has no end; tests of its own read it.
}
EXAMPLES_FEW, EXAMPLES_MANY = 25, 1000
# The names of a run that is there: made-up ones alone would never reach behind the first 404. Of a key
# that is not: without its own the hub would let the test in no more.
HELD = {
    "project": "mnist",
    "run": "r1",
    "log": "main.0001.tlog",
    "path": "media%2Fa.png",
    "id": "0" * 12,
    "share": "0" * 12,
}


@schemathesis.serializer("application/vnd.msgpack")
def as_msgpack(context, value) -> bytes:
    """Send what was made up as msgpack, where that has it."""
    try:
        return msgpack.packb(value, default=repr)
    except (ValueError, OverflowError):
        return repr(value).encode()


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """One hub for all of them: what they write stays, as it would."""
    from tests.syncd.hub.conftest import RunningHub
    from tidelog.datastore.clock import Clock
    from tidelog.datastore.disk import Disk
    from tidelog.syncd.hub.limits import HubLimits

    hub = RunningHub(tmp_path_factory.mktemp("hub"), HubLimits(stall_s=2.0), Disk(), Clock())
    hub.append(0, log_of_every_kind().data)
    yield hub
    hub.stop()


def check_answer(operation, answer: requests.Response) -> None:
    """Fail where an answer is not as the document says."""
    said = operation.definition.raw["responses"].get(str(answer.status_code))
    assert answer.status_code != 500, answer.text
    assert said is not None, f"{answer.status_code} is not documented: {answer.text[:500]}"
    content = said.get("content")
    if content is None:
        assert b"" == answer.content
        return
    kind = answer.headers["Content-Type"].partition(";")[0]
    assert kind in content
    schema = content[kind].get("schema")
    if schema is not None:
        whole = {**schema, "components": DOCUMENT["components"]}
        Draft202012Validator(whole).validate(answer.json())


def run(operation, hub, examples: int) -> None:
    """Send requests that keep to the document, and such that do not."""
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

    @settings(
        max_examples=examples,
        database=None,
        derandomize=examples == EXAMPLES_FEW,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # To make a failure smaller takes minutes.
    )
    @given(case=cases, is_held=st.booleans(), is_digest_right=st.booleans())
    def one(case, is_held: bool, is_digest_right: bool) -> None:
        if is_held:
            case.path_parameters = {name: HELD[name] for name in case.path_parameters or {}}
        request = requests.Request(**case.as_transport_kwargs(base_url=f"http://127.0.0.1:{hub.port}"))
        request.headers["Authorization"] = f"Bearer {hub.key}"
        try:
            prepared = request.prepare()
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, ValueError):
            return  # What no client can send; raw sockets have tests of their own.
        if is_digest_right and isinstance(prepared.body, (bytes, str)):
            body = prepared.body if isinstance(prepared.body, bytes) else prepared.body.encode()
            prepared.headers["Content-Digest"] = digest_header(body)
        with requests.Session() as session:
            session.trust_env = False
            check_answer(operation, session.send(prepared, timeout=PATIENCE_S))

    one()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_is_as_documented(hub, name: str) -> None:
    """A few requests for each call."""
    run(OPERATIONS[name], hub, EXAMPLES_FEW)


@pytest.mark.proof
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_of_many_is_as_documented(hub, name: str) -> None:
    """A thousand requests for each call, other ones each time."""
    run(OPERATIONS[name], hub, EXAMPLES_MANY)
