import subprocess
from pathlib import Path

import pytest
from git_checkout import GitCheckout

from tidelog.sdk.facts.git import Checkout
from tidelog.sdk.facts.patch import clean_patch

KEY = "sk-" + "a1B2" * 10


@pytest.fixture
def repository(tmp_path: Path) -> GitCheckout:
    checkout = GitCheckout(tmp_path / "code")
    checkout.commit(
        a_py="1\n", b_py=f"key = '{KEY}'\n", c_bin=b"\0", **{".env": "x", "deep/my.pem": "x"}
    )
    return checkout


def test_a_key_that_was_added_is_hidden_and_the_patch_applies(
    repository: GitCheckout, tmp_path: Path
) -> None:
    """The line is there, without the key; other lines keep every byte."""
    repository.write("a.py", b"1\nkey = '" + KEY.encode() + b"'  # \xff\r\n2\n")
    patch = clean_patch(Checkout(str(repository.path)).patch().output, is_cut=False)
    assert ([], ["a.py"]) == (patch.left_out, patch.hidden)
    subprocess.check_call(["git", "clone", "-q", str(repository.path), str(tmp_path / "clone")])
    (tmp_path / "patch").write_bytes(patch.data)
    clone = GitCheckout(tmp_path / "clone")
    clone.git("apply", str(tmp_path / "patch"))
    assert b"1\nkey = '***'  # \xff\r\n2\n" == (clone.path / "a.py").read_bytes()


def test_what_cannot_be_told_without_a_secret_is_left_out(repository: GitCheckout) -> None:
    """A key that is committed already, and files whose name says what they hold."""
    repository.write("a.py", "2\n")
    repository.write("b.py", f"key = '{KEY}'\nmore\n")
    repository.write("c.bin", bytes(range(256)))
    repository.write(".env", "y")
    repository.write("deep/my.pem", "y")
    patch = clean_patch(Checkout(str(repository.path)).patch().output, is_cut=False)
    assert [".env", "b.py", "deep/my.pem"] == patch.left_out
    assert KEY.encode() not in patch.data
    assert [b"a.py", b"c.bin"] == [
        line.rpartition(b"/")[2] for line in patch.data.splitlines() if line.startswith(b"diff --git")
    ]


def test_a_patch_that_was_cut_ends_before_the_cut_file(repository: GitCheckout, tmp_path: Path) -> None:
    """What is left still applies."""
    repository.write("a.py", "2\n")
    repository.write("b.py", "\n".join(map(str, range(10_000))))
    answer = Checkout(str(repository.path)).patch(bytes_max=5000)
    patch = clean_patch(answer.output, is_cut=answer.is_cut)
    assert (True, ["b.py"], []) == (answer.is_cut, patch.left_out, patch.hidden)
    (tmp_path / "patch").write_bytes(patch.data)
    repository.git("checkout", "-q", "--", ".")
    repository.git("apply", str(tmp_path / "patch"))
    assert "2\n" == (repository.path / "a.py").read_text()


def test_no_diff_is_an_empty_patch() -> None:
    """Nothing is left out of nothing."""
    assert (b"", [], []) == clean_patch(b"", is_cut=False)
    assert (b"", [], []) == clean_patch(b"", is_cut=True)
