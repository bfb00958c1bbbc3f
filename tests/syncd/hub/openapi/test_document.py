"""The OpenAPI document: what the router knows, what the text says, and what is answered, all agree."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from log_spec import LogSpec, log_of_every_kind
from run_spec import RunSpec
from waiting import until

from tidelog.syncd.bodies import FileEntry, SmallFile, encode_batch, encode_missing
from tidelog.syncd.hub.openapi.calls import CALLS
from tidelog.syncd.hub.openapi.document import openapi_document, path_of
from tidelog.syncd.protocol import file_path

DOCUMENT = json.loads(openapi_document())
TEXT = Path(__file__).parents[4].joinpath("docs/protocol.md").read_text()
RUN = "/v1/projects/mnist/runs/r1"
SHA = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"  # of b"x"


def operations() -> set[tuple[str, str]]:
    return {
        (method.upper(), path)
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method != "parameters"
    }


def test_the_hub_serves_it(hub) -> None:
    """To whoever has a key; who knows it gets 304."""
    answer = hub.call("GET", "/v1/openapi.json")
    assert DOCUMENT == answer.json
    etag = answer.headers["ETag"]
    assert 304 == hub.call("GET", "/v1/openapi.json", headers={"If-None-Match": etag}).status
    assert 401 == hub.call("GET", "/v1/openapi.json", key=None).status


def test_it_has_every_route_and_no_other(hub) -> None:
    """HEAD beside GET is HTTP's own and need not be named; the page is for people."""
    router = hub.server._runner.app.router
    routes = {
        (route.method, route.resource.canonical)
        for route in router.routes()
        if not (route.name or "").startswith("page:")
    }
    known = operations()
    implied = {("HEAD", path) for method, path in known if method == "GET"}
    assert set() == known - routes
    assert set() == routes - known - implied


def test_each_schema_is_one() -> None:
    """JSON Schema 2020-12, as OpenAPI 3.1 has it; each reference leads somewhere."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema), name
    for reference in set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT))):
        assert reference in DOCUMENT["components"]["schemas"]


def test_the_table_in_the_text_is_the_same() -> None:
    """Method, address and role of each call; "the same" stands for the address above."""
    written, above = set(), ""
    for call, role in re.findall(
        r"^\| `?(.+?)`? \| .+ \| (read|write|admin|none) \|$", TEXT, re.MULTILINE
    ):
        method, _, rest = call.replace("`", "").partition(" ")
        above = above if rest.startswith("the same") else rest.partition("?")[0]
        written.add((method, above, role))
    short = {"project": "p", "run": "r"}
    expected = {
        (
            call.method,
            re.sub(r"\{(\w+)\}", lambda m: f"{{{short.get(m[1], m[1])}}}", path_of(call.route)),
            call.role,
        )
        for call in CALLS
    }
    assert expected == written


def validator(schema: dict) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def check(method: str, template: str, answer) -> None:
    """Fail where an answer is not as the document says."""
    operation = DOCUMENT["paths"][template][method.lower()]
    said = operation["responses"].get(str(answer.status))
    assert said is not None, f"{method} {template} answered {answer.status}"
    content = said.get("content")
    if content is None:
        assert b"" == answer.body
        return
    kind = answer.headers.get_content_type()
    assert kind in content, f"{method} {template} answered {kind}"
    schema = content[kind].get("schema")
    if schema is not None:
        validator(schema).validate(answer.json)


CASES = [
    ("GET", "/healthz", "/healthz", 200),
    ("GET", "/metrics", "/metrics", 200),
    ("GET", "/v1/openapi.json", "/v1/openapi.json", 200),
    ("GET", "/v1/keys/self", "/v1/keys/self", 200),
    ("GET", "/v1/keys", "/v1/keys", 200),
    ("DELETE", "/v1/keys/{id}", "/v1/keys/000000000000", 404),
    ("DELETE", "/v1/projects/{project}/runs/{run}", RUN, 200),
    ("POST", "/v1/projects/{project}/runs/{run}/restore", f"{RUN}/restore", 404),
    ("GET", "/v1/runs", "/v1/runs", 200),
    ("GET", "/v1/runs", "/v1/runs?include=config&include=summary&order=newest", 200),
    ("GET", "/v1/runs", "/v1/runs?state=dead", 400),
    ("GET", "/v1/projects/{project}/runs/{run}", RUN, 200),
    ("GET", "/v1/projects/{project}/runs/{run}", "/v1/projects/mnist/runs/r9", 404),
    ("GET", "/v1/projects/{project}/runs/{run}", "/v1/projects/mnist/runs/.x", 400),
    ("GET", "/v1/projects/{project}/runs/{run}/overview", f"{RUN}/overview", 200),
    ("GET", "/v1/projects/{project}/runs/{run}/history", f"{RUN}/history?points=4", 200),
    ("GET", "/v1/projects/{project}/runs/{run}/media", f"{RUN}/media?limit=1", 200),
    ("HEAD", "/v1/projects/{project}/runs/{run}/logs/{log}", f"{RUN}/logs/main.0001.tlog", 200),
    ("HEAD", "/v1/projects/{project}/runs/{run}/logs/{log}", f"{RUN}/logs/main.0009.tlog", 404),
    ("GET", "/v1/projects/{project}/runs/{run}/logs/{log}", f"{RUN}/logs/main.0001.tlog", 200),
    ("PATCH", "/v1/projects/{project}/runs/{run}/logs/{log}", f"{RUN}/logs/main.0001.tlog", 400),
    ("HEAD", "/v1/projects/{project}/runs/{run}/files/{path}", f"{RUN}/files/media/x?sha256={SHA}", 200),
    ("GET", "/v1/projects/{project}/runs/{run}/files/{path}", f"{RUN}/files/media/x", 200),
    ("GET", "/v1/projects/{project}/runs/{run}/files/{path}", f"{RUN}/files/media/y", 404),
]


@pytest.fixture
def filled(hub):
    """A hub that holds one run of everything."""
    hub.append(0, log_of_every_kind().data)
    hub.call("POST", f"{RUN}/files:batch", encode_batch([SmallFile("media/x", SHA, b"x")]))
    return hub


@pytest.mark.parametrize(("method", "template", "path", "status"), CASES)
def test_an_answer_is_as_the_document_says(filled, method, template, path, status) -> None:
    """Status, type and shape."""
    answer = filled.call(method, path)
    assert status == answer.status
    check(method, template, answer)


@pytest.mark.parametrize(("method", "template", "path", "status"), CASES)
def test_a_refusal_is_as_the_document_says(filled, method, template, path, status) -> None:
    """Without a key, and with one for other projects."""
    if path == "/healthz":
        return
    check(method, template, filled.call(method, path, key=None))
    other = filled.server.keys.create("other", role="read", project="other")
    check(method, template, filled.call(method, path, key=other))


def test_the_answers_to_writes_are_as_the_document_says(hub) -> None:
    """Appends, lists, batches and parts, good and bad."""
    run = "/v1/projects/{project}/runs/{run}"
    log = LogSpec().row({"a": 1}, step=0)
    for offset in (0, 0, 9999):
        check("PATCH", f"{run}/logs/{{log}}", hub.append(offset, log.data))
    files = encode_missing([FileEntry("media/x", 1, SHA)])
    for body in (files, b"{}"):
        check("POST", f"{run}/files:missing", hub.call("POST", f"{RUN}/files:missing", body))
    for data in (b"x", b"y"):
        batch = encode_batch([SmallFile("media/x", SHA, data)])
        check("POST", f"{run}/files:batch", hub.call("POST", f"{RUN}/files:batch", batch))
    part = {"Upload-Length": "1", "Upload-Complete": "?1", "Upload-Offset": "0"}
    path = file_path("mnist", "r1", "files/x", sha256=SHA)
    for method, data in (("PUT", b"y"), ("PUT", b"x"), ("PATCH", b"x"), ("PATCH", b"xx")):
        check(method, f"{run}/files/{{path}}", hub.call(method, path, data, part))


def test_the_answers_about_keys_are_as_the_document_says(hub) -> None:
    """Made, rotated, listed, revoked; and what is refused of that."""
    new = hub.call("POST", "/v1/keys", b'{"name": "ci"}')
    check("POST", "/v1/keys", new)
    address = f"/v1/keys/{new.json['id']}"
    check("POST", "/v1/keys/{id}/rotate", hub.call("POST", f"{address}/rotate", b"{}"))
    check("POST", "/v1/keys", hub.call("POST", "/v1/keys", b"[]"))
    revoked = hub.call("DELETE", address)
    assert 200 == revoked.status
    check("DELETE", "/v1/keys/{id}", revoked)
    check("GET", "/v1/keys", hub.call("GET", "/v1/keys"))
    hub.append(0, log_of_every_kind().data)
    hub.call("DELETE", RUN)
    gone = hub.append(0, log_of_every_kind().data)
    assert 410 == gone.status
    check("PATCH", "/v1/projects/{project}/runs/{run}/logs/{log}", gone)


def test_a_history_with_nothing_and_a_run_without_sense_are_as_the_document_says(start_hub) -> None:
    """What the disk holds is not ours: a log that is none, one that is empty, odd metadata."""
    hub = start_hub(scan_interval_s=0.1, refresh_interval_s=0.02, tick_s=0.05, scan_rest=1.0)
    RunSpec(hub.data, "p", "plain")
    odd = hub.data / "p/odd"
    odd.mkdir()
    (odd / "main.0001.tlog").write_bytes(b"x" * 100)
    until(lambda: len(hub.call("GET", "/v1/runs").json["runs"]) == 2)
    check("GET", "/v1/runs", hub.call("GET", "/v1/runs?include=config"))
    for run in ("plain", "odd"):
        for call in ("overview", "history", "media"):
            answer = hub.call("GET", f"/v1/projects/p/runs/{run}/{call}")
            check("GET", f"/v1/projects/{{project}}/runs/{{run}}/{call}", answer)
