import hashlib
import os
from pathlib import Path

import pytest

from tidelog.datastore.disk import Disk, Entry, StrPath
from tidelog.datastore.places import check_upload_path
from tidelog.sdk.notices import Notices
from tidelog.sdk.saving import FileSaver


@pytest.fixture
def saver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileSaver:
    work = tmp_path / "work"
    (work / "run").mkdir(parents=True)
    monkeypatch.chdir(work)
    return FileSaver(work / "run", disk=Disk(), notices=Notices())


def save(saver: FileSaver, pattern: str, base_path: str | None = None) -> list[str]:
    return [e["path"] for e in saver.save(pattern, base_path=base_path, policy="now")]


def test_the_ledger_names_path_size_and_digest_of_the_copy(saver: FileSaver) -> None:
    """A relative path keeps its folders below files/."""
    Path("out").mkdir()
    Path("out/model.npz").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    entry = {"path": "files/out/model.npz", "size": 7, "sha256": digest, "policy": "now"}
    assert [entry] == saver.save("out/model.npz", base_path=None, policy="now")
    assert b"weights" == Path("run/files/out/model.npz").read_bytes()
    assert (1, 7) == (saver.count, saver.size_bytes)


def test_patterns_folders_and_base_paths(saver: FileSaver, tmp_path: Path) -> None:
    """A folder is saved with all below it; an absolute path by its last part; `..` never leads out."""
    for name in ("a/1.txt", "a/b/2.txt", "3.txt", "run/own.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    (tmp_path / "out.txt").write_text("x")
    assert ["files/a/1.txt"] == save(saver, "a/*.txt")
    assert ["files/a/1.txt", "files/a/b/2.txt"] == sorted(save(saver, "a"))
    assert ["files/1.txt"] == save(saver, "a/*.txt", base_path="a")
    assert ["files/out.txt"] == save(saver, str(tmp_path / "out.txt"))
    assert ["files/a/1.txt", "files/a/b/2.txt"] == sorted(save(saver, str(tmp_path / "work/a")))
    assert ["files/out.txt"] == save(saver, "../out.txt")
    assert ["files/3.txt", "files/a/1.txt", "files/a/b/2.txt"] == sorted(save(saver, "**/[123].txt"))


def test_a_file_that_lies_in_the_run_already_is_named_where_it_is(saver: FileSaver) -> None:
    """What was written into run.dir / "files" is not copied over itself."""
    Path("run/files/deep").mkdir(parents=True)
    Path("run/files/deep/x").write_text("1")
    assert ["files/deep/x"] == save(saver, "run/files/deep/x")


def test_saving_again_replaces_the_file(saver: FileSaver) -> None:
    """The ledger's newest entry has the new digest."""
    Path("m").write_text("1")
    save(saver, "m")
    Path("m").write_text("22")
    assert 2 == saver.save("m", base_path=None, policy="now")[0]["size"]
    assert "22" == Path("run/files/m").read_text()


def test_a_missing_file_is_told_once(saver: FileSaver, capsys: pytest.CaptureFixture[str]) -> None:
    """The sentence names the pattern and where it was looked for."""
    assert [] == save(saver, "none*.txt")
    assert [] == save(saver, "none.txt")
    (line,) = capsys.readouterr().err.splitlines()
    assert "save('none*.txt') found no file below" in line


def test_what_cannot_be_read_does_not_stop_the_others(
    saver: FileSaver, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dangling link and a pipe are told; a pipe is never waited for."""
    os.symlink("nowhere", "d1.txt")
    os.mkfifo("d2.txt")
    Path("d3.txt").write_text("x")
    assert ["files/d3.txt"] == save(saver, "d?.txt")
    assert "could not copy d1.txt" in capsys.readouterr().err


@pytest.mark.parametrize("above", ["..", "ABSOLUTE"])
def test_names_start_where_the_pattern_begins_to_vary(
    saver: FileSaver, tmp_path: Path, above: str
) -> None:
    """What a pattern finds in folders of different names keeps these names, so nothing is lost."""
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "best.pt").write_text(name)
    above = above.replace("ABSOLUTE", str(tmp_path))
    assert ["files/a/best.pt", "files/b/best.pt"] == save(saver, f"{above}/data/*/best.pt")
    assert ["files/a/best.pt", "files/b/best.pt"] == save(saver, f"{above}/data/**/best.pt")
    assert ["files/best.pt"] == save(saver, f"{above}/data/a/*.pt")


def test_files_of_one_name_from_different_folders_are_all_kept(
    saver: FileSaver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The later one gets a number, which is told; each file keeps its name when it is saved again."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.pt").write_text(name)
    for _ in range(2):
        assert ["files/x.pt"] == save(saver, "../a/x.pt")
        assert ["files/x-2.pt"] == save(saver, str(tmp_path / "b/x.pt"))
    assert ["files/x.pt"] == save(saver, "run/files/x.pt")
    assert "a" == Path("run/files/x.pt").read_text()
    assert "b" == Path("run/files/x-2.pt").read_text()
    (line,) = capsys.readouterr().err.splitlines()
    assert "b/x.pt is saved as 'x-2.pt'" in line


def test_a_link_that_moves_on_keeps_its_name(saver: FileSaver) -> None:
    """`latest.pt` points to another file in each epoch, and is one file of the run."""
    for name in ("1.pt", "2.pt"):
        Path(name).write_text(name)
        Path("latest.pt").unlink(missing_ok=True)
        os.symlink(name, "latest.pt")
        assert ["files/latest.pt"] == save(saver, "latest.pt")
    assert "2.pt" == Path("run/files/latest.pt").read_text()


def test_a_name_that_hubs_refuse_is_made_to_fit(
    saver: FileSaver, capsys: pytest.CaptureFixture[str]
) -> None:
    """`.tmp` at the end of a name marks unfinished files, which are never uploaded."""
    Path("d.tmp").mkdir()
    Path("d.tmp/x.tmp").write_text("x")
    assert ["files/d_tmp/x_tmp"] == save(saver, "d.tmp/x.tmp")
    check_upload_path("files/d_tmp/x_tmp")
    assert "saved as 'd_tmp/x_tmp'" in capsys.readouterr().err


class LockedDisk(Disk):
    """A disk that does not list folders called "locked"."""

    def list(self, path: StrPath) -> list[Entry]:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return super().list(path)


def test_a_folder_that_cannot_be_read_does_not_stop_the_others(
    saver: FileSaver, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told, and what lies beside it is saved."""
    locked = FileSaver("run", disk=LockedDisk(), notices=Notices())
    for name in ("a/1", "a/locked/2", "a/z/3"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    assert ["files/a/1", "files/a/z/3"] == sorted(save(locked, "a"))
    assert "could not read a/locked" in capsys.readouterr().err


def test_a_name_outside_of_the_grammar_is_made_to_fit(
    saver: FileSaver, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is saved all the same, and the sentence says under which name."""
    Path("model:v1?.npz").write_text("x")
    assert ["files/model-v1-.npz"] == save(saver, "model:v1?.npz")
    assert "saved as 'model-v1-.npz'" in capsys.readouterr().err


def test_a_file_of_ours_keeps_its_name(saver: FileSaver) -> None:
    """A file of the user's that has the same one gets a number; ours is written again in place."""
    for data in (b"1", b"22"):
        entry = saver.write("code/diff.patch", data)
        assert ("files/code/diff.patch", len(data)) == (entry["path"], entry["size"])
    Path("code").mkdir()
    Path("code/diff.patch").write_text("mine")
    assert ["files/code/diff-2.patch"] == save(saver, "code/diff.patch")
    assert b"22" == Path("run/files/code/diff.patch").read_bytes()
    assert 1 == saver.count


def test_the_ledger_is_told_of_each_file_once_it_is_in_place(tmp_path: Path) -> None:
    """And not again of the same bytes."""
    ledger: list[tuple[str, bool]] = []
    run = tmp_path / "run"

    def record(entry: dict[str, object]) -> None:
        ledger.append((str(entry["sha256"]), (run / str(entry["path"])).exists()))

    saver = FileSaver(run, disk=Disk(), notices=Notices(), record=record)
    (tmp_path / "m").write_bytes(b"1")
    assert 1 == len(saver.save(str(tmp_path / "m"), base_path=None, policy="now"))
    assert 1 == len(saver.save(str(tmp_path / "m"), base_path=None, policy="now"))
    assert [(hashlib.sha256(b"1").hexdigest(), True)] == ledger
