"""The file of accounts and keys: what it holds, what changes it, what was in it before."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tidelog.datastore.clock import Clock
from tidelog.syncd.errors import CannotStartError, KeyNameError
from tidelog.syncd.hub.guard.accounts import Account
from tidelog.syncd.hub.guard.audit import CONSOLE
from tidelog.syncd.hub.guard.book import Book
from tidelog.syncd.hub.guard.book_text import decode_book, encode_book
from tidelog.syncd.hub.guard.grants import Grant
from tidelog.syncd.hub.guard.key_file import KeyFile
from tidelog.syncd.hub.guard.keys import Key
from tidelog.syncd.hub.limits import HubLimits

DAY_S = 86400.0


class SetClock(Clock):
    def __init__(self, now: float = 1000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


def newest(keys: KeyFile) -> Key:
    return keys.book().keys[-1]


def audited(keys: KeyFile) -> list[str]:
    return [f"{entry['what']} {entry['on'].split()[0]}" for entry in keys.audit.entries()]


# -- what is kept --------------------------------------------------------------------------------


def test_a_key_is_256_bits_and_only_its_digest_is_kept(tmp_path: Path) -> None:
    """Who reads the file learns no key."""
    keys = KeyFile(tmp_path, entropy=lambda size: bytes(range(size)), clock=SetClock())
    secret = keys.create("laptop", role="write", project="mnist", expires_in_s=60)
    assert "tide_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" == secret
    for file in ("keys.json", "audit-1970.jsonl"):
        assert secret.removeprefix("tide_") not in (tmp_path / ".hub" / file).read_text()
    grants = [{"role": "write", "project": "mnist"}]
    assert {
        "version": 2,
        "accounts": [
            {
                "name": "laptop",
                "kind": "service",
                "grants": grants,
                "created": 1000.0,
                "disabled": None,
                "issuer": "",
                "subject": "",
                "email": "",
                "quota_bytes": None,
            }
        ],
        "keys": [
            {
                "name": "laptop",
                "account": "laptop",
                "sha256": hashlib.sha256(secret.encode()).hexdigest(),
                "grants": grants,
                "created": 1000.0,
                "expires": 1060.0,
                "revoked": None,
                "rotated_from": None,
            }
        ],
    } == json.loads((tmp_path / ".hub/keys.json").read_text())


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    """0600 in a folder of 0700, whatever the umask."""
    before = os.umask(0)
    try:
        keys = KeyFile(tmp_path)
        keys.create("laptop")
        keys.last_use.note("0" * 12, 1.0)
        keys.last_use.write({"0" * 12})
    finally:
        os.umask(before)
    files = {path.name: path for path in (tmp_path / ".hub").iterdir()}
    [audit] = [name for name in files if name.startswith("audit-")]
    assert {"keys.json", "keys.lock", audit, "last-use.json"} == set(files)
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in files.values()}
    assert 0o700 == stat.S_IMODE((tmp_path / ".hub").stat().st_mode)


def test_another_process_sees_each_change_at_once(tmp_path: Path) -> None:
    """Created, revoked, and created again under the same name."""
    seen, command = KeyFile(tmp_path), KeyFile(tmp_path)

    def states() -> list[tuple[str, str]]:
        return [(key.name, key.state(0)) for key in seen.book().keys]

    assert [] == states()
    command.create("a")
    assert [("a", "active")] == states()
    command.revoke("a")
    assert [("a", "revoked")] == states()
    command.create("a")
    assert [("a", "revoked"), ("a", "active")] == states()
    (tmp_path / ".hub/keys.json").unlink()
    assert [] == states()


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each of their keys is there, and the file is whole whenever it is read."""
    program = (
        "import sys\n"
        "from tidelog.syncd.hub.guard.key_file import KeyFile\n"
        "keys = KeyFile(sys.argv[1])\n"
        "for n in range(20): keys.create(f'{sys.argv[2]}{n}')\n"
    )
    arguments = [sys.executable, "-c", program, str(tmp_path)]
    writers = [subprocess.Popen([*arguments, name]) for name in "ab"]
    seen = KeyFile(tmp_path)
    while any(writer.poll() is None for writer in writers):
        seen.book()
    assert [0, 0] == [writer.wait() for writer in writers]
    assert {f"{w}{n}" for w in "ab" for n in range(20)} == {key.name for key in seen.book().keys}
    assert 40 == sum(line.startswith("key.created") for line in audited(seen))


# -- version 1 -----------------------------------------------------------------------------------


def old_entry(name: str, role: str, project: str, **more: float) -> dict[str, object]:
    return {"name": name, "sha256": name * 64, "role": role, "project": project, "created": 1.0, **more}


def test_a_file_of_version_1_is_read_and_goes_on(tmp_path: Path) -> None:
    """Every key may what it might; its name is a service, which may what the newest of the name may."""
    (tmp_path / ".hub").mkdir()
    entries = [
        old_entry("a", "admin", "*", revoked=5.0),
        old_entry("b", "read", "mnist*", expires=9.0),
        {**old_entry("a", "write", "x"), "sha256": "c" * 64},
    ]
    path = tmp_path / ".hub/keys.json"
    path.write_text(json.dumps({"version": 1, "keys": entries}))
    keys = KeyFile(tmp_path, clock=SetClock())
    book = keys.book()
    found = [(a.name, a.kind, a.grants) for a in book.accounts]
    expected = [("a", (Grant("write", "x"),)), ("b", (Grant("read", "mnist*"),))]
    assert [(name, "service", grants) for name, grants in expected] == found
    states = [(k.account, k.grants, k.state(6.0)) for k in book.keys]
    assert [
        ("a", (Grant("admin", "*"),), "revoked"),
        ("b", (Grant("read", "mnist*"),), "active"),
        ("a", (Grant("write", "x"),), "active"),
    ] == states
    keys.create("c")
    document = json.loads(path.read_text())
    assert (2, 4) == (document["version"], len(document["keys"]))
    assert book.keys == KeyFile(tmp_path).book().keys[:3]


def old_file(**wrong: object) -> str:
    return json.dumps({"version": 1, "keys": [{**old_entry("a", "read", "*"), **wrong}]})


def new_file(grant: Grant, *, account: str) -> str:
    book = Book((Account("a", "person", (grant,), 0.0),), (Key("k", account, "0" * 64, None, 0.0),))
    return encode_book(book).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 3}',
        '{"version": 1, "keys": [{"name": "a"}]}',
        old_file(sha256=5),
        old_file(role="root"),
        '{"version": 2, "accounts": [], "keys": [{"name": "a"}]}',
        new_file(Grant("root", "*"), account="a"),
        new_file(Grant("read", "*"), account="gone"),
    ],
)
def test_a_file_that_is_none_opens_nothing(tmp_path: Path, text: str) -> None:
    """It is told, not taken for an empty one."""
    (tmp_path / ".hub").mkdir()
    (tmp_path / ".hub/keys.json").write_text(text)
    with pytest.raises(CannotStartError, match=r"keys\.json"):
        KeyFile(tmp_path).book()


def test_a_book_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Accounts of people with their provider, keys that are narrowed and keys that are not."""
    keys = KeyFile(tmp_path, clock=SetClock())
    keys.create_account("ada", "person", [Grant("admin", "a*")], issuer="https://sso", subject="7")
    keys.create("hers", account="ada", role="read", project="a1")
    keys.create("all", account="ada", expires_in_s=5)
    keys.disable("ada")
    book = keys.book()
    assert book == decode_book(encode_book(book), "x")
    assert (None, "https://sso") == (book.keys[1].grants, book.accounts[0].issuer)
    assert book.accounts[0] == book.person("https://sso", "7")
    assert book.person("", "") is None


# -- keys and their accounts ---------------------------------------------------------------------


def test_bad_wishes_are_refused_in_words(tmp_path: Path) -> None:
    """A name twice, a name that is none, a role that is none, a key too many, nobody to revoke."""
    keys = KeyFile(tmp_path, limits=HubLimits(keys_max=2))
    keys.create("a")
    with pytest.raises(KeyNameError, match="there is a key 'a' already; revoke it first"):
        keys.create("a")
    with pytest.raises(ValueError, match=r"key '\.\./x' holds '/'"):
        keys.create("../x")
    with pytest.raises(KeyNameError, match="'root' is none of: write, read, admin"):
        keys.create("b", role="root")
    for pattern in ("", "x" * 300, "a\nb"):
        with pytest.raises(KeyNameError, match="project pattern"):
            keys.create("b", project=pattern)
    with pytest.raises(KeyNameError, match="there is no key 'b'"):
        keys.revoke("b")
    with pytest.raises(KeyNameError, match="there is no account 'nobody'"):
        keys.create("b", account="nobody")
    keys.create("b")
    with pytest.raises(KeyNameError, match="has 2 keys, and the limit is 2"):
        keys.create("c")
    assert ["key.created a", "key.created b"] == audited(keys)


def test_a_key_without_an_account_belongs_to_the_service_of_its_name(tmp_path: Path) -> None:
    """Which is never widened by a key that comes later."""
    keys = KeyFile(tmp_path)
    keys.create_account("ci", "service", [Grant("write", "team-a*")])
    keys.create("ci")
    assert ("ci", None) == (newest(keys).account, newest(keys).grants)
    keys.revoke("ci")
    with pytest.raises(KeyNameError, match=r"'ci' may write:team-a\*, which does not include admin:\*"):
        keys.create("ci", role="admin")
    keys.create("ci", role="read", project="team-a1")
    assert (Grant("read", "team-a1"),) == newest(keys).grants
    assert 1 == len(keys.book().accounts)


def test_what_an_account_loses_its_keys_lose(tmp_path: Path) -> None:
    """And what it gets, those get that are not narrowed; each change is told."""
    keys = KeyFile(tmp_path)
    keys.create_account("ada", "person", [Grant("write", "a"), Grant("read", "b")])
    keys.set_grants("ada", lambda have: [grant for grant in have if grant.project != "a"])
    account = keys.set_grants("ada", lambda have: (*have, Grant("read", "c"), Grant("read", "b")))
    assert (Grant("read", "b"), Grant("read", "c")) == account.grants
    keys.disable("ada")
    keys.disable("ada", is_disabled=False)
    assert [
        "account.created ada",
        "account.grants ada",
        "account.grants ada",
        "account.disabled ada",
        "account.enabled ada",
    ] == audited(keys)


def test_one_account_cannot_use_up_the_keys_of_the_hub(tmp_path: Path) -> None:
    """Nor fill the file with keys that it revokes again; of those the newest are remembered."""
    keys = KeyFile(tmp_path, limits=HubLimits(keys_per_account_max=3))
    keys.create_account("ada", "person", [Grant("write", "a")])
    for n in range(10):
        keys.create(f"k{n}", account="ada")
        keys.revoke(f"k{n}")
    assert ["k6", "k7", "k8", "k9"] == [key.name for key in keys.book().keys]
    for n in range(3):
        keys.create(f"n{n}", account="ada")
    with pytest.raises(KeyNameError, match="'ada' has 3 keys, and the limit is 3; revoke some"):
        keys.create("more", account="ada")
    keys.create("other")


def test_a_key_that_is_long_dead_is_forgotten(tmp_path: Path) -> None:
    """The audit log still knows it."""
    clock = SetClock()
    keys = KeyFile(tmp_path, clock=clock)
    keys.create("old", expires_in_s=10)
    clock.time += 89 * DAY_S
    keys.create("b")
    assert ["old", "b"] == [key.name for key in keys.book().keys]
    clock.time += 2 * DAY_S
    keys.create("c")
    assert ["b", "c"] == [key.name for key in keys.book().keys]


# -- rotation ------------------------------------------------------------------------------------


def test_a_rotated_key_stays_good_for_the_overlap(tmp_path: Path) -> None:
    """The new one may the same and lives as long as the old one was made to."""
    clock = SetClock()
    keys = KeyFile(tmp_path, clock=clock)
    keys.create("ci", role="read", project="a", expires_in_s=30 * DAY_S)
    old = newest(keys)
    clock.time += 29 * DAY_S
    keys.rotate(old.id, overlap_s=3600.0)
    ending, new = keys.book().keys
    assert (clock.time + 3600.0, "active") == (ending.expires, ending.state(clock.time))
    assert (old.name, old.account, old.grants, old.id) == (
        new.name,
        new.account,
        new.grants,
        new.rotated_from,
    )
    assert clock.time + 30 * DAY_S == new.expires
    clock.time += 3600.0
    assert ["expired", "active"] == [key.state(clock.time) for key in keys.book().keys]
    assert new == keys.book().newest_key("ci", clock.time)


def test_an_overlap_lengthens_no_life(tmp_path: Path) -> None:
    """A key that ends in an hour ends then; one that has ended, or has a successor, is not rotated."""
    clock = SetClock()
    keys = KeyFile(tmp_path, clock=clock)
    keys.create("ci", expires_in_s=3600.0)
    old = newest(keys)
    keys.rotate(old.id, overlap_s=DAY_S)
    assert old.expires == keys.book().keys[0].expires
    with pytest.raises(KeyNameError, match="was rotated before"):
        keys.rotate(old.id)
    clock.time += 3600.0
    with pytest.raises(KeyNameError, match="is expired: create a new one"):
        keys.rotate(newest(keys).id)
    with pytest.raises(KeyNameError, match="there is no key 'abc'"):
        keys.rotate("abc")


def test_revoking_a_name_ends_the_old_and_the_new_one(tmp_path: Path) -> None:
    """An id ends one alone."""
    keys = KeyFile(tmp_path, clock=SetClock())
    keys.create("ci")
    keys.rotate(newest(keys).id)
    keys.revoke("ci")
    assert ["revoked", "revoked"] == [key.state(1000.0) for key in keys.book().keys]
    keys.create("ci")
    keys.rotate(newest(keys).id)
    keys.revoke(newest(keys).id)
    assert ["active", "revoked"] == [key.state(1000.0) for key in keys.book().keys[2:]]
    keys.revoke_id(keys.book().keys[2].id, by=CONSOLE)
    assert {"revoked"} == {key.state(1000.0) for key in keys.book().keys}


# -- last use ------------------------------------------------------------------------------------


def test_the_time_of_last_use_is_written_now_and_then(tmp_path: Path) -> None:
    """Of keys that are known; a broken file is begun anew."""
    keys = KeyFile(tmp_path)
    keys.create("a")
    uses = keys.last_use
    uses.note("a" * 12, 5.0)
    uses.note("b" * 12, 6.0)
    assert {"a" * 12: 5.0, "b" * 12: 6.0} == uses.times()
    assert {} == KeyFile(tmp_path).last_use.times()
    uses.write({"a" * 12})
    uses.note("a" * 12, 7.0)
    assert {"a" * 12: 5.0} == KeyFile(tmp_path).last_use.times()
    assert {"a" * 12: 7.0} == uses.times()
    (tmp_path / ".hub/last-use.json").write_text("[")
    uses.write({"a" * 12})
    assert {"a" * 12: 7.0} == KeyFile(tmp_path).last_use.times()


def test_names_of_several_accounts_mean_none(tmp_path: Path) -> None:
    """A key that a team's admin named like another's, or by its id, is never taken for that one."""
    keys = KeyFile(tmp_path, clock=(clock := SetClock()))
    keys.create("boss")
    boss = newest(keys)
    keys.create_account("team", "service", [Grant("write", "team*")])
    for name in ("boss", boss.id):
        keys.create_for(name, account="team", grants=None, seen=lambda *_: False, by=CONSOLE)
    said = r"several accounts .*boss, team.* say the id"
    with pytest.raises(KeyNameError, match=said):
        keys.revoke("boss")
    with pytest.raises(KeyNameError, match=said):
        keys.book().newest_key("boss", clock.time)
    assert boss == keys.book().newest_key(boss.id, clock.time)
    keys.revoke(boss.id)
    assert [boss.id] == [key.id for key in keys.book().keys if key.revoked is not None]
