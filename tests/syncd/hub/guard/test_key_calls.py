"""GET of one's own key: what a hub knows of it, all but the key."""

from tidelog.syncd.hub.guard.key_file import KeyFile


def test_a_key_learns_what_it_may(hub) -> None:
    """Its role, its projects and its end; nobody else's, and no digest."""
    secret = KeyFile(hub.data).create("page", role="read", project="mnist*", expires_in_s=60)
    answer = hub.call("GET", "/v1/keys/self", key=secret)
    document = answer.json
    expires = document.pop("expires")
    assert (200, {"name": "page", "role": "read", "project": "mnist*"}) == (answer.status, document)
    known = {key.name: key for key in list(KeyFile(hub.data).keys())}
    assert known["page"].expires == expires
    assert hub.call("GET", "/v1/keys/self").json["expires"] is None


def test_without_a_key_there_is_nothing_to_learn(hub) -> None:
    """The guard stands before it."""
    assert 401 == hub.call("GET", "/v1/keys/self", key=None).status
