"""One log being read: schemas that were lost, a file that was closed."""

from pathlib import Path

import msgpack
import pytest
from log_spec import LogSpec

from tidelog.datastore import Reader
from tidelog.datastore.errors import ReaderClosedError
from tidelog.datastore.format import CHECKPOINT
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.open_log import OpenLog
from tidelog.datastore.scan import Damage


@pytest.mark.parametrize("odd", [b"\xc1", msgpack.packb(5), msgpack.packb({"schemas": 5})])
def test_a_lost_schema_is_found_behind_a_checkpoint_that_is_none(odd: bytes, tmp_path: Path) -> None:
    """Both chunks that hold it are damaged, and so is the next one that would repeat it."""
    log = LogSpec()
    for step in range(4):
        log.row({"a": step}, step=step)
    log.chunk(CHECKPOINT, odd)
    log.checkpoint()
    data = bytearray(log.data)
    for chunk in range(2):
        data[log.ends[chunk] - 1] ^= 1
    (tmp_path / "main.0001.tlog").write_bytes(data)
    with Reader(tmp_path) as run:
        assert [2, 3] == list(run.history()["a"])
        lost = Damage("main.0001.tlog", 40, log.ends[1] - 40, 2)
        odd_at = Damage("main.0001.tlog", log.starts[4], log.ends[4] - log.starts[4], 1)
        assert [lost, odd_at] == run.damage


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    """Bytes that were not read before are not read any more: the error names the log."""
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(LogSpec().row({"a": 1}, step=0).data)
    reader = LogReader(path)
    assert reader.is_open
    reader.close()
    reader.close()
    assert not reader.is_open
    with pytest.raises(ReaderClosedError, match=r"main\.0001\.tlog was closed before"):
        reader.read_at(0, 40)
    run = Reader(tmp_path)
    run.close()
    for ask in (lambda: run.state, lambda: run.rows, run.history):
        with pytest.raises(ReaderClosedError, match=r"main\.0001\.tlog was closed before"):
            ask()


def test_what_reads_a_log_prints_which(tmp_path: Path) -> None:
    """A reader its path, an open log of a run its name, a run both."""
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(LogSpec().row({"a": 1}, step=0).data)
    reader = LogReader(path)
    assert f"<LogReader {path}>" == repr(reader)
    assert "<OpenLog main.0001.tlog>" == repr(OpenLog("main.0001.tlog", reader))
    reader.close()
    with Reader(tmp_path) as run:
        assert f"<Reader of {tmp_path}: main.0001.tlog>" == repr(run)
