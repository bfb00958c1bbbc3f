"""Names of projects, runs, files and logs; where the program's own settings come from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.layout import MISSING_NAMED_MAX, LogName, missing_logs, next_log, sorted_logs
from tidelog.datastore.names import check_file_path, check_name, safe_stem


@pytest.mark.parametrize("name", ["a", "mnist 2 [x]", "größe", "日本語", "a.b", "x" * 128, "ü" * 64])
def test_a_printable_name_is_taken_as_it_is(name: str) -> None:
    """Spaces, brackets and all of Unicode that can be printed."""
    assert name == check_name("project", name)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "is empty"),
        (".", "means a directory"),
        ("..", "means a directory"),
        ("a/b", "holds '/'"),
        ("a\\b", r"holds '\\'"),
        ("a\0b", "holds '\\x00'"),
        ("a\nb", "holds '\\n'"),
        ("a\x1b[2J", "holds '\\x1b'"),
        ("a\u202eb", "holds '\\u202e'"),
        ("-rf", "starts with '-'"),
        (".hidden", "starts with '.'"),
        ("a.", "ends with '.'"),
        ("a ", "ends with ' '"),
        ("x" * 129, "has 129 bytes"),
        ("ü" * 65, "has 130 bytes"),
        ("\ud800", "is not valid Unicode"),
        (7, "is of type int"),
        (None, "is of type NoneType"),
        *((f"a{c}b", f"holds {c!r}") for c in ':*?"<>|'),
    ],
)
def test_any_other_name_is_refused_with_the_value_and_the_remedy(name: object, fault: str) -> None:
    """The message is short, whatever the value."""
    with pytest.raises(InvalidNameError) as caught:
        check_name("project", name)
    message = str(caught.value)
    assert message.startswith("project ")
    assert fault.encode("unicode_escape").decode() in message.encode("unicode_escape").decode()
    assert "use up to 128 bytes of printable characters" in message
    assert 300 > len(message)


@pytest.mark.parametrize("path", ["a", "files/m.npz", "media/images/a_0.png", "a/" * 500 + "b"])
def test_a_file_path_is_names_joined_by_slashes(path: str) -> None:
    """Up to 1,024 bytes in all."""
    assert path == check_file_path(path)


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "a//b", "a/../b", "a/./b", "a/", "a/.b", "a\0", "a/" * 512 + "b", 5],
)
def test_a_path_that_leads_elsewhere_is_refused(path: object) -> None:
    """Absolute, upwards, empty parts, too long."""
    with pytest.raises(InvalidNameError, match="file path"):
        check_file_path(path)


@given(key=st.text())
def test_a_stem_made_of_any_key_fits_the_grammar(key: str) -> None:
    """Whatever a metric is called, its media can be named."""
    stem = safe_stem(key)
    assert stem == check_name("stem", stem)
    assert 64 >= len(stem.encode())


@pytest.mark.parametrize("cut", [".", "_", "-", "é"])
def test_a_stem_that_is_cut_fits_the_grammar(cut: str) -> None:
    """Where the cut falls behind a dot, or into a character."""
    stem = safe_stem("a" * 63 + cut + "b")
    assert stem == check_name("stem", stem)


@pytest.mark.parametrize(
    "name", ["main.0001.tlog", "rank12.0003.tlog", "monitor.12345.tlog", "main.0001.0a1b2c3d.tlog"]
)
def test_a_logs_name_parses_and_prints(name: str) -> None:
    """Each way is the other's reverse."""
    log = LogName.parse(name)
    assert log is not None
    assert name == str(log)


@pytest.mark.parametrize(
    "name",
    [
        "main.1.tlog",
        "main.00001.tlog",
        "main.0001.tlog.tmp",
        "Main.0001.tlog",
        ".0001.tlog",
        "main.0001.0A1B2C3D.tlog",
        "main.0001.tlog\n",
        "main.٠٠٠١.tlog",
        "run.json",
        "",
    ],
)
def test_no_other_name_is_a_logs(name: str) -> None:
    """A name that does not print as it was read would lead to another file."""
    assert LogName.parse(name) is None


def test_logs_are_read_main_first_ranks_by_number_monitor_last() -> None:
    """And the next name follows the highest number, twins included."""
    names = [
        "monitor.0001.tlog",
        "rank10.0001.tlog",
        "main.0010.tlog",
        "rank2.0001.tlog",
        "x.txt",
        "main.0002.tlog",
        "main.0002.0a1b2c3d.tlog",
    ]
    assert [names[5], names[6], names[2], names[3], names[1], names[0]] == list(
        map(str, sorted_logs(names))
    )
    assert "main.0011.tlog" == str(next_log(names, "main"))
    assert "rank2.0002.tlog" == str(next_log(names, "rank2"))
    assert "rank3.0001.tlog" == str(next_log(names, "rank3"))


def test_missing_logs_are_those_that_later_ones_of_their_stream_follow() -> None:
    """Numbers count from 1; a twin takes its number; a number that asks for a billion names is cut."""
    assert [] == missing_logs([])
    assert [] == missing_logs(["main.0001.tlog", "main.0002.0123abcd.tlog", "main.0003.tlog", "x.tlog"])
    names = ["main.0001.tlog", "main.0004.tlog", "rank3.0002.tlog", "monitor.0001.tlog"]
    assert ["main.0002.tlog", "main.0003.tlog", "rank3.0001.tlog"] == missing_logs(names)
    assert MISSING_NAMED_MAX == len(missing_logs(["main.999999999.tlog"]))
