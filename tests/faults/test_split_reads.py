"""A log that grows under its readers, cut at any byte: they see a prefix, and no damage."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from random import Random

import pytest
from log_spec import LogSpec, log_of_every_kind

from tidelog.datastore import Reader, Record
from tidelog.datastore.log_reader import LogReader

SEED = int(os.environ.get("TIDELOG_TEST_SEED", time.time_ns() % 2**32))


def long_log() -> LogSpec:
    """Rows of two schemas with checkpoints between, many of them alike, so that stretches are read."""
    log = LogSpec()
    for step in range(120):
        log.row({"loss": 1 / (step + 1), "n": step % 100}, step=step)
        if step % 10 == 9:
            log.row({"val": step / 7, "text": "x" * (step % 30)}, step=step)
        if step % 40 == 39:
            log.checkpoint()
    return log.final()


LOGS = [log_of_every_kind, long_log]


def texts(records: list[Record]) -> list[str]:
    """Records in a form that compares NaN equal."""
    return [repr(record) for record in records]


@pytest.mark.parametrize("spec", LOGS)
@pytest.mark.parametrize("part", range(6))
def test_a_reader_of_a_growing_log_sees_a_prefix(spec: object, part: int, tmp_path: Path) -> None:
    """Whatever it is asked after each piece, with blocks of any size; in the end it has all."""
    seed = SEED + part
    print(f"TIDELOG_TEST_SEED={seed}")
    random, log = Random(seed), spec()  # type: ignore[operator]
    path = tmp_path / "main.0001.tlog"
    path.write_bytes(log.data)
    with Reader(path) as whole:
        all_records, all_steps = texts(list(whole.records())), list(whole.history()["_step"])
        summary = repr(whole.summary)
    path.write_bytes(log.data[:40])
    at, records, steps = 40, 0, 0
    with Reader(path, block_bytes=random.choice([64, 100, 1000, 2**20])) as run:
        walk = (lone := LogReader(path)).walk(block_bytes=random.choice([64, 333, 2**20]))
        walked = 0
        while at < len(log.data):
            piece = random.choice([1, 3, 19, 20, 21, random.randint(1, 400)])
            with path.open("ab") as file:
                file.write(log.data[at : at + piece])
            at += piece
            for _, content in walk:
                walked += len(content) if isinstance(content, list) else 0
            assert [] == walk.damage
            asked = random.choice(["records", "history", "summary", "state", "damage", "fresh"])
            if asked == "records":
                found = texts(list(run.records()))
                assert all_records[: len(found)] == found
                assert len(found) >= records
                records = len(found)
            elif asked == "history":
                found_steps = list(run.history().get("_step", []))
                assert all_steps[: len(found_steps)] == found_steps
                assert len(found_steps) >= steps
                steps = len(found_steps)
            elif asked == "fresh":
                with Reader(path) as fresh:
                    assert ([], fresh.rows) == (fresh.damage, run.rows)
            else:
                assert getattr(run, asked) is not None
            assert [] == run.damage
        assert (all_records, summary) == (texts(list(run.records())), repr(run.summary))
        assert (all_steps, [], []) == (list(run.history()["_step"]), run.damage, run.torn_tails)
        assert walk.is_final
        assert walked >= len(all_records)
        lone.close()


def test_a_reader_beside_a_process_that_writes_in_pieces_sees_a_prefix(tmp_path: Path) -> None:
    """Real bytes from another process, a chunk in several writes, while follow() reads."""
    log = long_log()
    source, path = tmp_path / "source", tmp_path / "run" / "main.0001.tlog"
    path.parent.mkdir()
    source.write_bytes(log.data)
    path.write_bytes(log.data[:40])
    code = """
        import os, random, sys
        data = open(sys.argv[1], "rb").read()
        fd = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
        pick, at = random.Random(int(sys.argv[3])), 40
        while at < len(data):
            size = pick.randint(1, 60)
            os.write(fd, data[at : at + size])
            at += size
        """
    print(f"TIDELOG_TEST_SEED={SEED}")
    arguments = [sys.executable, "-c", textwrap.dedent(code), str(source), str(path), str(SEED)]
    with subprocess.Popen(arguments) as process, Reader(path.parent) as run:
        followed = []
        for record in run.follow(interval_s=0.001):
            followed.append(record)
            if len(followed) % 7 == 0:
                assert [] == run.damage
        assert 0 == process.wait()
        assert texts(list(run.records())) == texts(followed)
        assert 132 == run.rows
        assert ("finished", []) == (run.state, run.damage)
