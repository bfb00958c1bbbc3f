import os

import pytest

from tidelog.datastore.names import check_name
from tidelog.sdk.naming import file_path_fault, make_run_id, make_run_name, name_fault, safe_name


def test_a_run_id_is_the_time_in_utc_and_six_letters() -> None:
    """Ids sort by time."""
    assert "20261123-042233-abcdef" == make_run_id(1795407753.9, lambda n: bytes(range(n)))


def test_run_ids_do_not_depend_on_the_scripts_seed() -> None:
    """Entropy is the system's: two ids of one second differ."""
    assert len({make_run_id(0, os.urandom) for _ in range(100)}) > 95


def test_a_run_name_is_two_words_and_a_number() -> None:
    """People can say it, and the grammar of names takes it."""
    assert "brave-bay-2" == make_run_name(lambda n: bytes([1, 2, 2]))
    assert name_fault("run name", make_run_name(os.urandom)) is None


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        ("a-b", "a/b"),
        ("etc-passwd", "../etc/passwd"),
        ("x", ".."),
        ("x", ""),
        ("a-b", "a\0b"),
        ("n" * 128, "n" * 300),
        ("größe [1]", "größe [1]"),
        ("ü" * 64, "ü" * 100),
        ("7", 7),
        ("q", "-q. "),
    ],
)
def test_a_safe_name_fits_the_grammar_and_looks_like_what_was_meant(expected: str, name: object) -> None:
    """What cannot be mended at all becomes the default."""
    assert expected == safe_name(name, default="x")
    check_name("name", safe_name(name, default="x"))


def test_faults_name_the_value() -> None:
    """A fine name has no fault."""
    assert name_fault("project", "fine") is None
    assert "project 'a/b' holds '/'" in str(name_fault("project", "a/b"))
    assert file_path_fault("a/b.txt") is None
    assert "a:b" in str(file_path_fault("x/a:b"))
