"""Real checkouts: pushed or not, detached, worktrees, submodules, another user's, without git."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from git_checkout import GitCheckout

from tidelog.sdk.facts.git import Checkout


@pytest.fixture
def repository(tmp_path: Path) -> GitCheckout:
    checkout = GitCheckout(tmp_path / "code")
    checkout.commit(train_py="1\n", **{"a b/ü.py": "2\n"})
    return checkout


def facts(path: Path, **options: object) -> dict[str, object]:
    found = Checkout(str(path), **options).facts()  # type: ignore[arg-type]
    assert found is not None
    return found


def test_the_state_of_a_checkout_is_told(repository: GitCheckout, tmp_path: Path) -> None:
    """Untracked files, such as runs, do not make it dirty; ignored ones are never told."""
    repository.push(tmp_path / "remote.git")
    repository.commit(**{".gitignore": "secret*\n"})
    repository.write("secret.env", "x")
    repository.write("notes.txt", "x")
    repository.write("data/1", "x")
    repository.write("data/2", "x")
    repository.git("push", "-q")
    expected = {
        "commit": repository.git("rev-parse", "HEAD"),
        "branch": "trunk",
        "upstream": "origin/trunk",
        "dirty": False,
        "root": str(repository.path),
        "remote": str(tmp_path / "remote.git"),
        "is_pushed": True,
        "untracked": ["data/", "notes.txt"],
    }
    assert expected == facts(repository.path)
    assert expected == facts(repository.path / "a b")
    repository.write("train.py", "2\n")
    assert {**expected, "dirty": True} == facts(repository.path)
    repository.commit()
    assert (False, False) == (facts(repository.path)["dirty"], facts(repository.path)["is_pushed"])


def test_a_detached_head_has_no_branch(repository: GitCheckout) -> None:
    """The commit says all."""
    commit = repository.git("rev-parse", "HEAD")
    repository.git("checkout", "-q", "--detach")
    assert (commit, None) == (facts(repository.path)["commit"], facts(repository.path)["branch"])


def test_a_checkout_without_a_commit_is_dirty_at_most(tmp_path: Path) -> None:
    """There is nothing to compare with, and nothing raises."""
    empty = GitCheckout(tmp_path / "empty")
    assert (None, "trunk", None) == tuple(
        facts(empty.path)[name] for name in ("commit", "branch", "is_pushed")
    )
    assert Checkout(str(empty.path)).patch().trouble


def test_a_worktree_is_a_checkout(repository: GitCheckout, tmp_path: Path) -> None:
    """With its own branch; its `.git` is a file."""
    repository.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    found = facts(tmp_path / "side")
    assert ("side", str(tmp_path / "side")) == (found["branch"], found["root"])


def test_submodules_are_told_with_their_commits(repository: GitCheckout, tmp_path: Path) -> None:
    """Those that are checked out, which need not be those that the commit names."""
    library = GitCheckout(tmp_path / "library")
    first = library.commit(lib_py="1\n")
    repository.git("submodule", "--quiet", "add", str(library.path), "lib rary")
    repository.commit()
    assert {"lib rary": first} == facts(repository.path)["submodules"]
    inner = GitCheckout(repository.path / "lib rary")
    second = inner.commit(lib_py="2\n")
    found = facts(repository.path)
    assert ({"lib rary": second}, True) == (found["submodules"], found["dirty"])
    assert b"" == Checkout(str(repository.path)).patch().output


@pytest.mark.parametrize("packed", [False, True])
def test_without_git_the_commit_is_known_all_the_same(
    repository: GitCheckout, tmp_path: Path, *, packed: bool
) -> None:
    """It is read from `.git`; what only git can say is left out, with the reason."""
    if packed:
        repository.git("pack-refs", "--all")
    commit = repository.git("rev-parse", "HEAD")
    expected = {
        "commit": commit,
        "branch": "trunk",
        "dirty": None,
        "root": str(repository.path),
        "trouble": "git is not installed",
    }
    code = f"""
import json, os
os.environ["PATH"] = {str(tmp_path)!r}
from tidelog.sdk.facts.git import Checkout
print(json.dumps(Checkout({str(repository.path)!r}).facts()))
"""
    assert expected == _in_a_process(code)
    repository.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    found = _in_a_process(code.replace(str(repository.path), str(tmp_path / "side")))
    assert (commit, "side") == (found["commit"], found["branch"])
    repository.git("checkout", "-q", "--detach")
    assert {**expected, "branch": None} == _in_a_process(code)


def test_a_checkout_of_another_user_runs_nothing_of_theirs(
    repository: GitCheckout, tmp_path: Path
) -> None:
    """git refuses ("dubious ownership"); the commit is read, and the reason is told."""
    if os.geteuid() != 0:
        pytest.fail("this test gives files to another user, which takes root")
    for path in [repository.path, *repository.path.rglob("*")]:
        os.chown(path, 65534, 65534)
    code = f"""
import json
from tidelog.sdk.facts.git import Checkout
print(json.dumps(Checkout({str(repository.path)!r}).facts()))
"""
    found = _in_a_process(code)
    assert "dubious ownership" in str(found["trouble"])
    assert 40 == len(str(found["commit"]))


def test_a_git_that_hangs_costs_one_deadline(
    repository: GitCheckout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not asked a second time, and the commit is known."""
    _fake_git(tmp_path / "bin", "echo asked >> $0.asked; exec sleep 3600", monkeypatch)
    checkout = Checkout(str(repository.path), deadline_s=1.0)
    found = checkout.facts()
    assert found is not None
    assert ("git did not answer within 1 s", None) == (found["trouble"], found["dirty"])
    assert "git did not answer within 1 s" == checkout.patch().trouble
    assert 40 == len(str(found["commit"]))
    assert "asked\n" == (tmp_path / "bin" / "git.asked").read_text()


def test_a_git_that_hangs_later_leaves_out_what_it_did_not_tell(
    repository: GitCheckout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the untracked files are looked for on a file system that does not answer."""
    git = shutil.which("git")
    _fake_git(
        tmp_path / "bin",
        f'case "$*" in *ls-files*) exec sleep 60;; *) exec {git} "$@";; esac',
        monkeypatch,
    )
    found = facts(repository.path, deadline_s=2.0)
    assert (False, "trunk", []) == (found["dirty"], found["branch"], found["untracked"])
    assert "git did not answer within 2 s" == found["trouble"]


def test_outside_of_a_checkout_there_are_no_facts(tmp_path: Path) -> None:
    """Nor in a bare repository, where no code is; git is not even asked."""
    subprocess.check_call(["git", "init", "-q", "--bare", str(tmp_path / "bare")])
    assert Checkout(str(tmp_path)).facts() is None
    assert Checkout(str(tmp_path / "bare")).facts() is None
    assert Checkout(str(tmp_path / "not there")).facts() is None


def test_a_large_checkout_is_described_in_time(tmp_path: Path) -> None:
    """100,000 files, of which one differs, or all of them."""
    large = GitCheckout(tmp_path / "large")
    empty = large.git("hash-object", "-w", os.devnull)
    names = [f"{folder}/{name}" for folder in range(100) for name in range(1000)]
    for folder in range(100):
        (large.path / str(folder)).mkdir()
    for name in names:
        os.close(os.open(large.path / name, os.O_CREAT, 0o644))
    index = "".join(f"100644 {empty} 0\t{name}\n" for name in names)
    command = ["git", "-C", str(large.path), "update-index", "--index-info"]
    subprocess.run(command, input=index, text=True, check=True)
    large.git("commit", "-q", "-m", "one")
    large.git("update-index", "-q", "--refresh")
    large.write("0/0", "changed")
    found = facts(large.path)
    assert (True, [], None) == (found["dirty"], found["untracked"], found.get("trouble"))
    for name in names:  # As a mount that gives every file this mode does.
        (large.path / name).chmod(0o755)
    assert found == facts(large.path)


def test_a_patch_makes_a_clone_equal(repository: GitCheckout, tmp_path: Path) -> None:
    """Whatever git is set to: binary files, new, deleted, renamed and staged ones, odd names."""
    repository.commit(data_bin=bytes(range(256)), old_py="x\n" * 9)
    for key, value in {
        "diff.noprefix": "true", "diff.mnemonicPrefix": "true", "color.ui": "always",
        "diff.external": "false", "diff.renames": "copies", "core.quotePath": "true",
    }.items():  # fmt: skip
        repository.git("config", key, value)
    repository.write("data.bin", bytes(reversed(range(256))))
    repository.write("a b/ü.py", "no newline at the end")
    repository.git("mv", "old.py", "new.py")
    os.remove(repository.path / "train.py")
    script = repository.write("run.sh", "#!/bin/sh\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    repository.git("add", "run.sh")
    patch = Checkout(str(repository.path)).patch()
    assert "" == patch.trouble
    subprocess.check_call(["git", "clone", "-q", str(repository.path), str(tmp_path / "clone")])
    clone = GitCheckout(tmp_path / "clone")
    (tmp_path / "patch").write_bytes(patch.output)
    clone.git("apply", str(tmp_path / "patch"))
    assert _tree(repository.path) == _tree(clone.path)


def _tree(path: Path) -> dict[str, tuple[bytes, int]]:
    files = [p for p in path.rglob("*") if p.is_file() and ".git" not in p.relative_to(path).parts]
    return {str(p.relative_to(path)): (p.read_bytes(), p.stat().st_mode & stat.S_IXUSR) for p in files}


def _fake_git(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def _in_a_process(code: str) -> dict[str, object]:
    import json

    found = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))
    assert isinstance(found, dict)
    return found
