"""The calls about keys: each admin within his own projects, and nobody learns of another's."""

import json
from typing import Any

import pytest

from tidelog.syncd.hub.guard.accounts import Caller
from tidelog.syncd.hub.guard.grants import Grant
from tidelog.syncd.hub.guard.key_document import caller_document

FACTS = {*"id name account kind grants role project state created expires".split()}
FACTS |= {"revoked", "last_used", "rotated_from"}


def ask(hub, method: str, path: str, key: str, **wanted: Any) -> Any:
    body = json.dumps(wanted).encode() if wanted else None
    return hub.call(method, path, body, key=key)


@pytest.fixture
def admin(hub) -> str:
    """A key that is admin of team-a's projects, at a hub where team-b has keys and accounts too."""
    keys = hub.server.keys
    keys.create_account("ci-a", "service", [Grant("write", "team-a1")])
    keys.create_account("ci-b", "service", [Grant("write", "team-b1")])
    keys.create_account("both", "person", [Grant("write", "team-a1"), Grant("read", "team-b1")])
    for name, account in (("ka", "ci-a"), ("kb", "ci-b"), ("kboth", "both")):
        keys.create(name, account=account)
    keys.create("narrow", account="both", role="write", project="team-a1")
    return keys.create("boss", role="admin", project="team-a*")


def named(hub) -> dict[str, str]:
    return {key.name: key.id for key in hub.server.keys.book().keys}


# -- one's own -----------------------------------------------------------------------------------


def test_a_key_learns_what_it_may(hub) -> None:
    """Its role, its projects and its end; nobody else's, and no digest."""
    secret = hub.server.keys.create("page", role="read", project="mnist*", expires_in_s=60)
    answer = hub.call("GET", "/v1/keys/self", key=secret)
    document = answer.json
    known = {key.name: key for key in hub.server.keys.book().keys}
    assert known["page"].expires == document.pop("expires")
    assert {
        "name": "page",
        "account": "page",
        "kind": "service",
        "grants": [{"role": "read", "project": "mnist*"}],
        "role": "read",
        "project": "mnist*",
    } == document
    assert hub.call("GET", "/v1/keys/self").json["expires"] is None


def test_a_person_learns_the_strongest_of_several_grants(hub) -> None:
    """Beside all of them."""
    account = hub.server.keys.create_account("ada", "person", [Grant("read", "*"), Grant("write", "a")])
    document = caller_document(Caller(account))
    assert ("write", "a", 2) == (document["role"], document["project"], len(document["grants"]))


def test_without_a_key_there_is_nothing_to_learn(hub) -> None:
    """The guard stands before it."""
    assert 401 == hub.call("GET", "/v1/keys/self", key=None).status


# -- list, create, rotate, revoke ----------------------------------------------------------------


def test_an_admin_lists_the_keys_of_accounts_within_his_projects(hub, admin: str) -> None:
    """Not a key of somebody who works elsewhere too, though it be narrowed to them; and no digest."""
    keys = ask(hub, "GET", "/v1/keys", admin).json["keys"]
    assert ["ka", "boss"] == [key["name"] for key in keys]
    assert {frozenset(FACTS)} == {frozenset(key) for key in keys}
    assert keys[1]["last_used"] is not None
    everything = hub.call("GET", "/v1/keys")
    assert ["ka", "kb", "kboth", "narrow", "boss"] == [
        key["name"] for key in everything.json["keys"] if key["name"] != "test"
    ]
    assert not any(key.sha256.encode() in everything.body for key in hub.server.keys.book().keys)


def test_an_admin_makes_a_key_that_works_at_once(hub, admin: str) -> None:
    """Of his own account, as narrow as he says; the answer holds it this one time."""
    grants = [{"role": "write", "project": "team-a1"}]
    made = ask(hub, "POST", "/v1/keys", admin, name="night", grants=grants, expires_in_s=60)
    assert (201, "boss", "active") == (made.status, made.json["account"], made.json["state"])
    assert FACTS | {"key"} == set(made.json)
    me = hub.call("GET", "/v1/keys/self", key=made.json["key"]).json
    assert ("night", grants) == (me["name"], me["grants"])
    told = list(hub.server.keys.audit.entries())[-1]
    assert ("key.created", "boss", "127.0.0.1") == (told["what"], told["account"], told["address"])
    assert named(hub)["boss"] == told["key"]


def test_an_admin_makes_a_key_of_an_account_within_his_projects(hub, admin: str) -> None:
    """It may what the account may."""
    made = ask(hub, "POST", "/v1/keys", admin, name="k2", account="ci-a").json
    assert [{"role": "write", "project": "team-a1"}] == made["grants"]


def test_a_key_made_by_an_admin_ends_with_his_account(hub, admin: str) -> None:
    """Whoever was given it: nothing that he made outlives what he may."""
    secret = ask(hub, "POST", "/v1/keys", admin, name="night").json["key"]
    assert 200 == hub.call("GET", "/v1/runs", key=secret).status
    hub.server.keys.disable("boss")
    assert 401 == hub.call("GET", "/v1/runs", key=secret).status


@pytest.mark.parametrize("pattern", ["*", "team-*", "team-b1", "team-?1", "?eam-a*", "team-A1"])
@pytest.mark.parametrize("role", ["read", "admin"])
def test_an_admin_can_never_make_a_key_that_reaches_beyond(
    hub, admin: str, pattern: str, role: str
) -> None:
    """Not by a pattern that reaches further, nor by one such grant among others."""
    before = hub.server.keys.book()
    grants = [{"role": "read", "project": "team-a1"}, {"role": role, "project": pattern}]
    answer = ask(hub, "POST", "/v1/keys", admin, name="x", grants=grants)
    assert (403, "forbidden") == (answer.status, answer.slug)
    assert before == hub.server.keys.book()


@pytest.mark.parametrize("account", ["ci-b", "both", "test", "nobody"])
def test_an_account_that_is_anothers_answers_as_one_that_is_not_there(
    hub, admin: str, account: str
) -> None:
    """Whether it lies elsewhere, only in part within, or nowhere."""
    answer = ask(hub, "POST", "/v1/keys", admin, name="x", account=account)
    assert (404, b"nothing at /v1/keys" in answer.body) == (answer.status, True)
    assert account.encode() not in answer.body


def test_a_key_that_is_anothers_answers_as_one_that_is_not_there(hub, admin: str) -> None:
    """To be rotated and to be revoked."""
    ids = [*(named(hub)[name] for name in ("kb", "kboth", "narrow", "test")), "0" * 12]
    for method, below in (("DELETE", ""), ("POST", "/rotate")):
        answers = [ask(hub, method, f"/v1/keys/{key_id}{below}", admin) for key_id in ids]
        texts = {
            answer.body.decode().replace(key_id, "ID")
            for answer, key_id in zip(answers, ids, strict=True)
        }
        assert ({404}, 1) == ({answer.status for answer in answers}, len(texts))
    assert all(key.is_active(0) for key in hub.server.keys.book().keys)


def test_a_name_that_another_team_has_is_free(hub, admin: str) -> None:
    """A refusal would tell that it is there; one's own is taken."""
    assert 201 == ask(hub, "POST", "/v1/keys", admin, name="kb").status
    answer = ask(hub, "POST", "/v1/keys", admin, name="ka")
    assert (400, True) == (answer.status, "there is a key 'ka' already" in answer.json["detail"])


def test_an_admin_rotates_and_revokes(hub, admin: str) -> None:
    """Both keys are good in the overlap; revoked twice is revoked."""
    path = f"/v1/keys/{named(hub)['ka']}"
    made = ask(hub, "POST", f"{path}/rotate", admin, overlap_s=3600)
    assert (201, named(hub)["ka"]) == (made.status, made.json["id"])
    keys = [key for key in ask(hub, "GET", "/v1/keys", admin).json["keys"] if key["name"] == "ka"]
    assert ["active", "active"] == [key["state"] for key in keys]
    assert keys[0]["id"] == keys[1]["rotated_from"]
    for _ in range(2):
        answer = ask(hub, "DELETE", path, admin)
        assert (200, "revoked") == (answer.status, answer.json["state"])
    assert 1 == sum(e["what"] == "key.revoked" for e in hub.server.keys.audit.entries())
    assert 400 == ask(hub, "POST", f"{path}/rotate", admin).status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"name": 5}',
        b'{"name": "a", "role": "admin"}',
        b'{"name": "a", "grants": []}',
        b'{"name": "a", "grants": [{"role": "root", "project": "team-a"}]}',
        b'{"name": "a", "grants": [{"role": "read", "project": ""}]}',
        b'{"name": "../a"}',
        b'{"name": "a", "expires_in_s": -1}',
        b'{"name": "a", "expires_in_s": 1e999}',
        b'{"name": "a", "expires_in_s": NaN}',
        b'{"name": "\xff"}',
        b"[" * 60_000,
    ],
)
def test_a_body_that_asks_for_nothing_sound_is_400(hub, admin: str, body: bytes) -> None:
    """In words; nothing is made."""
    before = hub.server.keys.book()
    answer = hub.call("POST", "/v1/keys", body, key=admin)
    assert (400, True) == (answer.status, bool(answer.slug))
    assert before == hub.server.keys.book()


def test_a_long_body_is_413(hub, admin: str) -> None:
    """It is not taken into memory."""
    assert 413 == hub.call("POST", "/v1/keys", b" " * 100_000, key=admin).status


@pytest.mark.parametrize("role", ["read", "write"])
def test_who_is_no_admin_makes_and_sees_no_keys(hub, role: str) -> None:
    """Not even one like his own: a stolen key would make its own successor."""
    secret = hub.server.keys.create("k", role=role)
    for method, path in (
        ("GET", "/v1/keys"),
        ("POST", "/v1/keys"),
        ("POST", f"/v1/keys/{named(hub)['k']}/rotate"),
        ("DELETE", f"/v1/keys/{named(hub)['k']}"),
    ):
        assert 403 == hub.call(method, path, b"{}", key=secret).status, (method, path)
