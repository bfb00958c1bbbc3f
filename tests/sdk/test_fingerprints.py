import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from waiting import PATIENCE_S

from tidelog.sdk import fingerprints
from tidelog.sdk.fingerprints import FingerprintError, fingerprint

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
COMMAND = r"find -L . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum -- | sha256sum"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    for name in (
        "b",
        "a/1",
        "a/2",
        "a.txt",
        "é",
        "sp ace",
        "new\nline",
        "back\\slash",
        "c\rr",
        "-n",
        "A",
    ):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(name)
    (data / os.fsdecode(b"\xff")).write_bytes(os.urandom(3_000_000))
    (data / "empty").mkdir()
    return data


def by_coreutils(folder: Path) -> str:
    return subprocess.check_output(["bash", "-c", COMMAND], cwd=folder, text=True).split()[0]


def test_a_file_has_its_sha256(tmp_path: Path) -> None:
    """As `sha256sum` and every other tool says it; bytes too."""
    (tmp_path / "x").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("x")
    things = [tmp_path / "x", str(tmp_path / "link"), b"abc", bytearray(b"abc"), memoryview(b"abc")]
    assert [ABC] * 5 == [fingerprint(thing) for thing in things]


def test_a_folder_has_what_the_documented_command_says(data: Path, tmp_path: Path) -> None:
    """With links to files and folders, and names of any bytes."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "x").write_text("x")
    (data / "file-link").symlink_to(tmp_path / "store" / "x")
    (data / "folder-link").symlink_to(tmp_path / "store")
    os.mkfifo(data / "pipe")
    assert COMMAND in str(fingerprint.__doc__).replace("\n", " ")
    assert by_coreutils(data) == fingerprint(data)
    assert hashlib.sha256(b"").hexdigest() == fingerprint(data / "empty")


def test_only_names_and_bytes_count(data: Path, tmp_path: Path) -> None:
    """A copy elsewhere, at another time, has the same one; one that differs in anything has not."""
    expected = fingerprint(data)
    copy = shutil.copytree(data, tmp_path / "elsewhere" / "copy")
    os.utime(copy / "b", (1, 1))
    (copy / "b").chmod(0o600)
    assert expected == fingerprint(copy)
    (copy / "b").write_text("c")
    assert expected != fingerprint(copy)
    (copy / "b").rename(copy / "b2")
    (copy / "b2").write_text("b")
    assert expected != fingerprint(copy)


def test_patterns_leave_files_and_folders_out(data: Path, tmp_path: Path) -> None:
    """By their path below the folder or their last part."""
    expected = fingerprint(data)
    for name in (".git/x", "a/x.tmp", "a/skip"):
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_text("x")
    assert expected == fingerprint(data, exclude=(".git", "*.tmp", "a/skip"))
    (data / "a" / "skip").unlink()
    shutil.rmtree(data / ".git")
    assert expected == fingerprint(data, exclude="*.tmp")


def test_a_list_has_that_of_its_items_in_their_order(data: Path) -> None:
    """A line each; it is recomputed in a shell as easily."""
    lines = "".join(f"{fingerprint(data / name)}\n" for name in ("b", "a"))
    assert hashlib.sha256(lines.encode()).hexdigest() == fingerprint([data / "b", str(data / "a")])
    assert fingerprint([data / "b", data / "a"]) != fingerprint((data / "a", data / "b"))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4), np.zeros((0, 3), np.int8), np.float32(1), np.array(["a", "bc"]),
        np.array([True]), np.zeros(3, "datetime64[s]"), np.zeros(2, [("x", "<f4"), ("y", "<i2")]),
        np.arange(9_000_000, dtype=np.uint8),
    ],
)  # fmt: skip
def test_an_array_has_that_of_its_npy_file(array: np.ndarray, tmp_path: Path) -> None:
    """Whatever its dtype and shape, and however it lies in memory."""
    np.save(tmp_path / "x.npy", array)
    assert fingerprint(tmp_path / "x.npy") == fingerprint(array)
    assert fingerprint(array) == fingerprint(np.array(array, order="F"))


def test_an_array_differs_by_dtype_shape_and_values() -> None:
    """Equal bytes are not enough."""
    arrays = [np.zeros(4, "<f4"), np.zeros(2, "<f8"), np.zeros((2, 2), "<f4"), np.ones(4, "<f4")]
    assert 4 == len({fingerprint(array) for array in arrays})


@pytest.mark.parametrize(
    "nothing", [7, None, {"a": 1}, object(), pd.DataFrame({"a": [1]}), np.array([{}])]
)
def test_what_is_no_data_is_refused(nothing: object) -> None:
    """The sentence says what is taken."""
    with pytest.raises(FingerprintError, match="has no fingerprint"):
        fingerprint(nothing)


def test_what_cannot_be_read_is_no_fingerprint(data: Path) -> None:
    """A missing path, a link to nowhere, a loop of links: never a digest of the rest."""
    with pytest.raises(FileNotFoundError):
        fingerprint(data / "none")
    (data / "dangling").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        fingerprint(data)
    (data / "dangling").unlink()
    (data / "a" / "loop").symlink_to("..")
    with pytest.raises(FingerprintError, match="link to a folder that it lies in"):
        fingerprint(data)


def test_a_large_folder_says_what_it_reads(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once, with how much there is."""
    monkeypatch.setattr(fingerprints, "TOLD_BYTES_MIN", 3_000_000)
    fingerprint(data)
    (line,) = capsys.readouterr().err.splitlines()
    assert "reading 12 files, about 3.0 MB" in line


def test_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    """Though other threads read files that are as good as endless."""
    for name in ("a", "b", "c"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 40)
    code = f"from tidelog import sdk\nsdk.fingerprint({str(tmp_path)!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "Ctrl-C ends it" in process.stderr.readline()  # It is said right before the reading.
    process.send_signal(signal.SIGINT)
    try:
        assert -signal.SIGINT == process.wait(PATIENCE_S)
    finally:
        process.kill()
        process.stderr.close()
        process.wait()
        process.stderr.close()
