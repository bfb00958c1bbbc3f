import pytest

from tidelog.sdk.facts.git_status import (
    choose_remote,
    parse_names,
    parse_remotes,
    parse_status,
    parse_submodules,
)

OID = "# branch.oid 1234567890123456789012345678901234567890\0"


@pytest.mark.parametrize(
    ("dirty", "entries"),
    [
        (False, ""),
        (True, "1 .M N... 100644 100644 100644 1 2 a\nb.py\0"),
        (True, "2 R. N... 100644 100644 100644 1 2 R100 new\0old\0"),
        (True, "u UU N... 100644 100644 100644 100644 1 2 3 a\0"),
        (False, "? untracked\0"),
    ],
)
def test_changed_renamed_and_unmerged_files_make_a_checkout_dirty(*, dirty: bool, entries: str) -> None:
    """Untracked ones do not."""
    status = f"{OID}# branch.head main\0{entries}"
    commit = "1234567890123456789012345678901234567890"
    assert {"commit": commit, "branch": "main", "dirty": dirty} == parse_status(status)


def test_a_checkout_may_have_neither_commit_nor_branch() -> None:
    """Before the first commit, and with a detached head."""
    status = "# branch.oid (initial)\0# branch.head (detached)\0"
    assert {"commit": None, "branch": None, "dirty": False} == parse_status(status)


def test_of_several_remotes_the_branchs_own_counts() -> None:
    """Then origin, then any; credentials are taken out."""
    config = "remote.fork.url\nhttps://u:p@h/f\0remote.origin.url\ngit@h:o\0remote.fork.url\nsecond\0"
    remotes = parse_remotes(config)
    assert {"fork": "https://h/f", "origin": "git@h:o"} == remotes
    assert "https://h/f" == choose_remote(remotes, "fork/main")
    assert "git@h:o" == choose_remote(remotes, None)
    assert "git@h:o" == choose_remote(remotes, "gone/main")
    assert "https://h/f" == choose_remote({"fork": "https://h/f"}, None)
    assert choose_remote({}, None) is None


def test_names_are_bounded_and_leave_out_the_runs() -> None:
    """A folder is one name; newlines are part of a name."""
    assert ["a\nb", "data/"] == parse_names("a\nb\0tidelog/\0data/\0", without=("tidelog",))
    assert (500, 1000) == (len(parse_names("x\0" * 501)), len(parse_names("x" * 9999)[0]))


def test_submodules_are_read_in_every_state() -> None:
    """Checked out, at another commit, and in conflict; one that is not checked out is not there."""
    status = " 11 a b (v1)\n+22 c (heads/main)\n-33 d\nU44 e\n"
    assert {"a b": "11", "c": "22", "e": "44"} == parse_submodules(status)
