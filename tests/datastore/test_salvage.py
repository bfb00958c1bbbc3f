"""A salvage copies all that a reader finds, names what it does not, and leaves the old place alone."""

import errno
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgpack
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from log_spec import LOG_ID, TIME, LogSpec
from restless_disk import ClosedDisk, VanishingDisk
from run_spec import RunSpec, tree

from tidelog.datastore import DatastoreError, Reader, Writer, WriterLimits
from tidelog.datastore.check import check_run
from tidelog.datastore.disk import COPY_BYTES, Disk
from tidelog.datastore.errors import NotALogError, NotARunError, TargetTakenError
from tidelog.datastore.format import (
    CHECKPOINT,
    FINAL,
    PAYLOAD_BYTES_MAX,
    RECORDS,
    encode_chunk,
    log_tag,
)
from tidelog.datastore.gaps import Loss
from tidelog.datastore.log_draft import LogDraft
from tidelog.datastore.log_reader import LogReader
from tidelog.datastore.record_encoder import RecordEncoder
from tidelog.datastore.records import CONFIG, EXIT, FILE, METRIC, RUN, SUMMARY, Histogram, Media
from tidelog.datastore.salvage import salvage
from tidelog.datastore.salvage_report import SalvagedLog, SalvageReport, Unreadable
from tidelog.datastore.tail import read_tail

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "v1").glob("*.tlog"))


def found_in(path: Path) -> dict[str, Any]:
    """Return what a reader finds, in a form that tells NaN and -0.0 apart, without what names a log."""
    with Reader(path) as run:
        columns = run.history()
        records = []
        for record in run.records():
            data = {key: value for key, value in record.data.items() if key != "supersedes"}
            if "salvaged" not in data and (data or not record.data):
                records.append((record.kind, record.log, record.time, record.step, repr(data)))
        facts = {k: v for k, v in run.metadata.items() if k not in ("salvaged", "project")}
        return {
            "records": records,
            "history": {name: repr(list(columns[name])) for name in columns},
            "rows": run.rows,
            "last_step": run.last_step,
            "summary": repr(run.summary),
            "config": repr(run.config),
            "project": run.project,
            "facts": repr(facts),
            "metrics": repr(run.metrics),
            "state": run.state,
            "exit_code": run.exit_code,
            "times": run.times,
            "media": repr(run.media()),
            "files": repr(run.files()),
            "unknown": run.unknown_records,
        }


def assert_same(old: Path, new: Path) -> None:
    """Assert that both read the same, and that the new logs have nothing to complain about."""
    expected, found = found_in(old), found_in(new)
    if expected["times"] is None:
        del expected["times"]  # The copy says what it is at some time.
    for key, value in expected.items():
        assert value == found[key], key
    check = check_run(new)
    assert ([], []) == (check.damage, check.missing_logs)


def only_log(report: SalvageReport) -> SalvagedLog:
    [run] = report.runs
    [log] = run.logs
    return log


def chunk_types(path: Path) -> list[int]:
    reader = LogReader(path)
    types = [chunk.type for chunk, _ in reader.walk()]
    reader.close()
    return types


# -- the property ------------------------------------------------------------------------------------

values = st.one_of(
    st.floats(),
    st.integers(-(2**63), 2**64 - 1),
    st.sampled_from([None, True, "text", [1, 2], Histogram({"counts": [3]})]),
    st.builds(lambda n: Media("image", f"media/images/{n}.png", "9f" * 32, n, {}), st.integers(0, 9)),
)
names = st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True)
entries = st.one_of(
    st.tuples(st.just("row"), names, st.integers(-5, 40), st.lists(values, min_size=3, max_size=3)),
    st.tuples(
        st.just("record"), st.sampled_from([RUN, CONFIG, SUMMARY]), st.sampled_from("abc"), values
    ),
    st.tuples(st.just("metric"), st.sampled_from("abc"), st.sampled_from(["min", "mean", "last"])),
    st.tuples(st.just("future"), st.binary(min_size=1, max_size=9)),
    st.tuples(st.just("checkpoint")),
)
blows = st.one_of(
    st.tuples(st.just("flip"), st.floats(0, 1), st.integers(0, 7)),
    st.tuples(st.just("zero"), st.floats(0, 1), st.integers(1, 200)),
    st.tuples(st.just("drop"), st.floats(0, 1), st.integers(1, 200)),
    st.tuples(st.just("insert"), st.floats(0, 1), st.integers(1, 200)),
    st.tuples(st.just("cut"), st.floats(0.2, 1), st.just(0)),
)


def build(plan: list[Any], log: LogSpec, *, is_final: bool) -> LogSpec:
    for kind, *what in plan:
        if kind == "row":
            keys, step, found = what
            log.row(dict(zip(keys, found, strict=False)), step=step)
        elif kind == "record":
            log.record(what[0], TIME, {what[1]: what[2]})
        elif kind == "metric":
            log.record(METRIC, what[0], {"summary": what[1]})
        elif kind == "future":
            log.chunk(9, what[0])
        else:
            log.checkpoint()
    return log.final() if is_final else log


def strike(data: bytes, hits: list[Any]) -> bytes:
    struck = bytearray(data)
    for kind, where, size in hits:
        at = min(int(where * len(struck)), len(struck) - 1)
        if kind == "flip":
            struck[at] ^= 1 << size
        elif kind == "zero":
            end = min(at + size, len(struck))
            struck[at:end] = bytes(end - at)
        elif kind == "drop":
            del struck[at : at + size]
        elif kind == "insert":
            struck[at:at] = bytes(range(size))
        else:
            del struck[at:]
        if not struck:
            break
    return bytes(struck)


@given(
    plan=st.lists(entries, max_size=25),
    hits=st.lists(blows, max_size=4),
    is_final=st.booleans(),
    limits=st.sampled_from(
        [WriterLimits(), WriterLimits(checkpoint_bytes_min=150, checkpoint_growth=1)]
    ),
)
@settings(max_examples=300, print_blob=True)
def test_every_log_with_any_damage_reads_the_same_salvaged(
    plan: list[Any], hits: list[Any], is_final: bool, limits: WriterLimits, tmp_path_factory: Any
) -> None:
    """Records, columns, summary, config, state: all that the old log gives; and the copy is clean."""
    place = tmp_path_factory.mktemp("salvage")
    old = place / "old"
    old.mkdir()
    (old / "main.0001.tlog").write_bytes(strike(build(plan, LogSpec(), is_final=is_final).data, hits))
    with Reader(old) as run:
        if not run.logs and run.damage:  # Nothing is left that shows whose chunks they were.
            with pytest.raises(NotARunError, match="can be read"):
                salvage(old, place / "new")
            return
        damage, tails = run.damage, run.torn_tails
    report = salvage(old, place / "new", limits=limits)
    log = only_log(report)
    assert [tuple(found[1:]) for found in damage] == [loss[:3] for loss in log.losses]
    assert [tuple(found[1:]) for found in tails] == [log.torn_tail] * (log.torn_tail is not None)
    assert_same(old, place / "new")
    assert only_log(salvage(place / "new", place / "again", limits=limits)).is_whole
    assert_same(place / "new", place / "again")


@given(
    first=st.lists(entries, min_size=1, max_size=12),
    second=st.lists(entries, max_size=12),
    ranges=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 9)), max_size=2),
    hits=st.lists(blows, max_size=2),
)
@settings(max_examples=150, print_blob=True)
def test_what_a_later_log_holds_again_is_copied_once(
    first: list[Any],
    second: list[Any],
    ranges: list[tuple[int, int]],
    hits: list[Any],
    tmp_path_factory: Any,
) -> None:
    """A failed file and the next one, damaged or not: each row counts where the reader counts it."""
    place = tmp_path_factory.mktemp("salvage")
    old = place / "old"
    old.mkdir()
    (old / "main.0001.tlog").write_bytes(strike(build(first, LogSpec(), is_final=False).data, hits))
    later = LogSpec(b"2" * 16).record(RUN, TIME, {"pid": 1})
    notes = [[LOG_ID.hex(), start, start + size] for start, size in ranges]
    row = later.encoder.row({"a": 1}, 3, TIME)
    later.chunk(RECORDS, later.encoder.record(RUN, TIME, {"supersedes": notes}) + row)
    (old / "main.0002.tlog").write_bytes(build(second, later, is_final=True).data)
    report = salvage(old, place / "new")
    new = place / "new"
    expected, found = found_in(old), found_in(new)
    del expected["times"], found["times"]  # A log in which nothing has a time gets a note that has one.
    assert expected == found
    is_known = report.runs[0].logs[0].log_id == LOG_ID.hex()  # Its header is not lost.
    assert not is_known or b"supersedes" not in (new / "main.0002.tlog").read_bytes()
    assert not check_run(new).damage


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A log as a writer makes it: checkpoints that lead to config, files and metrics in between."""
    directory = tmp_path_factory.mktemp("written") / "r1"
    writer = Writer(directory, limits=WriterLimits(checkpoint_bytes_min=300, checkpoint_growth=1))
    writer.log_run({"id": "r1", "project": "mnist"})
    for step in range(60):
        if step % 7 == 0:
            writer.log_config({f"c{step}": step})
            writer.define_metric(f"m{step % 3}", {"summary": "max"})
            writer.log_file({"path": f"files/{step}", "size": step, "sha256": "9f" * 32})
        writer.log_row({f"m{step % 3}": float(step * 37 % 60), "n": step}, step=step)
    writer.close(state="failed", exit_code=3)
    return (directory / "main.0001.tlog").read_bytes()


@given(hits=st.lists(blows, max_size=4))
@settings(max_examples=150, print_blob=True)
def test_a_writers_log_with_any_damage_reads_the_same_salvaged(
    hits: list[Any], written: bytes, tmp_path_factory: Any
) -> None:
    """Whether a reader takes the short way from the end of the one, of the other, or of neither."""
    place = tmp_path_factory.mktemp("salvage")
    old = place / "old"
    old.mkdir()
    (old / "main.0001.tlog").write_bytes(strike(written, hits))
    with Reader(old) as run:
        assume(run.logs)
    limits = WriterLimits(checkpoint_bytes_min=300, checkpoint_growth=1)
    log = only_log(salvage(old, place / "new", limits=limits))
    assert_same(old, place / "new")
    is_ended = chunk_types(old / "main.0001.tlog")[-1:] == [FINAL]
    assert not is_ended or log.rows_lost in (60 - log.rows, None)
    reader = LogReader(place / "new" / "main.0001.tlog")
    assert read_tail(reader) is not None or CHECKPOINT not in chunk_types(old / "main.0001.tlog")
    reader.close()


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_log_reads_the_same_salvaged(golden: Path, tmp_path: Path) -> None:
    """Every later version salvages version 1, also under a name that no run directory knows."""
    old = tmp_path / "old"
    old.mkdir()
    (old / "main.0001.tlog").write_bytes(golden.read_bytes())
    salvage(old, tmp_path / "new")
    assert_same(old, tmp_path / "new")
    salvage(golden, tmp_path / "lone")
    found, lone = found_in(tmp_path / "new"), found_in(tmp_path / "lone")
    assert found["records"] == lone["records"]


# -- what the new logs are ---------------------------------------------------------------------------


def test_a_sound_log_is_copied_byte_for_byte_but_for_what_is_new(tmp_path: Path) -> None:
    """The payloads and checkpoints in their places; a new id, and records that say what it is."""
    run = tmp_path / "mnist" / "r1"
    limits = WriterLimits(checkpoint_bytes_min=500, checkpoint_growth=2)
    with_seed = Random(7)
    writer = Writer(run, limits=limits)
    writer.define_metric("loss", {"summary": "min"})
    for step in range(60):
        writer.log_row({"loss": with_seed.random(), "h": Histogram({"counts": [step]})}, step=step)
    writer.log_summary({"best": 0.5})
    writer.close(state="failed", exit_code=3)
    report = salvage(run, tmp_path / "new", limits=limits)
    log = only_log(report)
    assert report.is_whole
    types = chunk_types(run / "main.0001.tlog")
    assert types.count(CHECKPOINT) > 3
    assert [*types[:-1], RECORDS, FINAL] == chunk_types(tmp_path / "new" / "main.0001.tlog")
    old, new = LogReader(run / "main.0001.tlog"), LogReader(tmp_path / "new" / "main.0001.tlog")
    assert old.identity.log_id != new.identity.log_id
    assert old.identity.created_ns == new.identity.created_ns
    old_chunks, new_chunks = list(old.walk()), list(new.walk())
    for (before, _), (after, _) in zip(old_chunks[:-1], new_chunks, strict=False):
        assert before.type == after.type
        assert before.type != RECORDS or before.payload == after.payload[-len(before.payload) :]
        assert after.seq == 0 or before.type != RECORDS or len(before.payload) == len(after.payload)
    assert list(range(len(new_chunks))) == [chunk.seq for chunk, _ in new_chunks]
    note = new_chunks[-2][1]
    assert isinstance(note, list)
    salvaged = {"from": log.log_id, "damage": [], "torn_tail": None}
    assert {"salvaged": salvaged, "project": "mnist"} == note[0][2]
    start = new_chunks[0][1]
    assert isinstance(start, list)
    assert {"salvaged": {"from": log.log_id}} == start[0][2]
    final = new_chunks[-1][1]
    assert isinstance(final, dict)
    assert (60, "failed", 3) == (final["rows"], final["state"], final["exit_code"])
    old.close()
    new.close()


def test_what_an_old_checkpoint_knows_of_lost_rows_is_not_lost(tmp_path: Path) -> None:
    """The least loss was in a row that is gone: the summary has it still, also behind more rows."""
    log = LogSpec().record(METRIC, "loss", {"summary": "min"})
    log.row({"loss": 0.1}, step=0).row({"loss": 0.5}, step=1).checkpoint().row({"loss": 0.4}, step=2)
    data = bytearray(log.data)
    data[log.starts[1] + 30] ^= 1
    old = tmp_path / "main.0001.tlog"
    old.write_bytes(data)
    report = salvage(old, tmp_path / "new" / "r1")
    with Reader(tmp_path / "new" / "r1") as run:
        assert ({"loss": 0.1}, 2) == (run.summary, run.rows)
    assert 1 == only_log(report).rows_lost
    assert [RECORDS, RECORDS, CHECKPOINT, RECORDS, RECORDS] == chunk_types(
        tmp_path / "new" / "r1" / "main.0001.tlog"
    )


def test_the_end_of_the_copy_tells_what_all_of_it_tells(tmp_path: Path) -> None:
    """When the run began, though no record tells it, and records that hold nothing but their kind."""
    log = LogSpec()
    for step in range(3):
        log.row({"a": step}, step=step, time=TIME + step)
    log.record(METRIC, "a", {}).record(EXIT, TIME + 9, {}).checkpoint().row(
        {"a": 3}, step=3, time=TIME + 10
    )
    old = tmp_path / "old"
    old.mkdir()
    (old / "main.0001.tlog").write_bytes(log.data)
    salvage(old, tmp_path / "new")
    with Reader(tmp_path / "new") as copy:
        assert ((TIME, TIME + 10), {"a": {}}, "failed") == (copy.times, copy.metrics, copy.state)
    assert_same(old, tmp_path / "new")


def test_records_that_do_not_fit_into_one_chunk_come_in_two() -> None:
    """Such as a schema before a row that fills a chunk by itself."""
    draft = LogDraft(RecordEncoder(), WriterLimits())
    draft.append_records([b"a" * 5, b"b" * (PAYLOAD_BYTES_MAX - 5)])
    draft.append_records([b"a" * 6, b"b" * (PAYLOAD_BYTES_MAX - 5)])
    assert [PAYLOAD_BYTES_MAX, 6, PAYLOAD_BYTES_MAX - 5] == [len(payload) for _, payload in draft.take()]


def test_a_log_without_checkpoints_gets_them_at_a_writers_pace(tmp_path: Path) -> None:
    """As where damage took them: the next loss costs no summary and no schema."""
    run = RunSpec(tmp_path / "root").rows(40)
    limits = WriterLimits(checkpoint_bytes_min=400, checkpoint_growth=1)
    salvage(run.path, tmp_path / "new", limits=limits)
    reader = LogReader(tmp_path / "new" / "main.0001.tlog")
    chunks = list(reader.walk())
    reader.close()
    checkpoints = [(chunk.offset, found) for chunk, found in chunks if chunk.type == CHECKPOINT]
    assert len(checkpoints) > 3
    previous = 0
    for offset, found in checkpoints:
        assert isinstance(found, dict)
        assert found["rows"] == found["last_step"] + 1 == found["summary"]["n"] + 1
        assert previous == found["previous"]
        assert not previous or offset - previous > 400
        previous = offset
    assert_same(run.path, tmp_path / "new")


def test_a_note_is_found_wherever_it_lies(tmp_path: Path) -> None:
    """Its word may lie across two of the pieces that are looked through."""
    note = {"supersedes": [[LOG_ID.hex(), 0, 9]]}
    log = LogSpec(b"2" * 16)
    word_at = len(LogSpec(b"2" * 16).record(RUN, TIME, note).data) - len(msgpack.packb(note)) + 2
    filler = len(log.encoder.record(CONFIG, TIME, {"text": "x" * 70_000})) - 70_000 + 20
    log.record(CONFIG, TIME, {"text": "x" * (COPY_BYTES - 4 - word_at - filler)})
    log.record(RUN, TIME, note)
    assert COPY_BYTES - 4 == log.data.index(b"supersedes")
    old = tmp_path / "old"
    old.mkdir()
    (old / "main.0001.tlog").write_bytes(LogSpec().row({"a": 1}, step=0).data)
    (old / "main.0002.tlog").write_bytes(log.row({"a": 1}, step=0).data)
    salvage(old, tmp_path / "new")
    with Reader(tmp_path / "new") as copy:
        assert 1 == copy.rows


def test_no_single_chunk_of_the_copy_holds_a_name_alone(tmp_path: Path) -> None:
    """A schema lost with its rows is stated with the first two rows of the copy that use it."""
    log = LogSpec()
    for step in range(4):
        log.row({"a": step}, step=step)
    log.checkpoint()
    data = bytearray(log.data)
    for chunk in (0, 1):
        data[log.ends[chunk] - 1] ^= 1
    old = tmp_path / "main.0001.tlog"
    old.write_bytes(data)
    report = salvage(old, tmp_path / "new" / "r1")
    copy = bytearray((tmp_path / "new" / "r1" / "main.0001.tlog").read_bytes())
    assert only_log(report).chunks == 3
    schema = msgpack.packb([0, 0, ["a"]])
    assert 2 == copy.count(schema)
    copy[45 + 20] ^= 1
    (tmp_path / "new" / "r1" / "main.0001.tlog").write_bytes(copy)
    with Reader(tmp_path / "new" / "r1") as run:
        assert [3] == list(run.history()["a"])


def test_chunks_and_kinds_of_a_later_version_are_kept(tmp_path: Path) -> None:
    """Skipped by this reader, and there for the one that knows them."""
    log = LogSpec().row({"a": 1}, step=0)
    log.chunk(RECORDS, msgpack.packb([42, "of a later version"])).chunk(9, b"whatever it holds")
    old = tmp_path / "main.0001.tlog"
    old.write_bytes(log.data)
    salvage(old, tmp_path / "new" / "r1")
    new = tmp_path / "new" / "r1" / "main.0001.tlog"
    assert [RECORDS, RECORDS, 9, RECORDS] == chunk_types(new)
    assert b"of a later version" in new.read_bytes()
    assert b"whatever it holds" in new.read_bytes()


def test_a_forked_childs_log_names_the_copy_of_its_parents(tmp_path: Path) -> None:
    """The id of the old log would lead nowhere."""
    run = RunSpec(tmp_path).rows(2)
    parent = LogReader(run.path / "main.0001.tlog")
    assert parent.identity.log_id is not None
    run.new_log("main.0002.tlog")
    run.log.record(RUN, TIME, {"forked_from": parent.identity.log_id.hex()})
    run.rows(2)
    parent.close()
    [salvaged] = salvage(run.path, tmp_path / "new").runs
    with Reader(tmp_path / "new" / "main.0002.tlog") as child:
        assert salvaged.logs[0].new_log_id == child.metadata["forked_from"]


def test_a_note_about_a_log_that_is_not_copied_along_stays(tmp_path: Path) -> None:
    """Should that log turn up again, its rows are still not counted twice."""
    run = RunSpec(tmp_path).rows(1)
    note = {"supersedes": [[LOG_ID.hex(), 0, 5]]}
    run.log.record(RUN, TIME, note)
    run.flush()
    salvage(run.path, tmp_path / "new")
    with Reader(tmp_path / "new") as copy:
        assert note in [record.data for record in copy.records()]


def test_a_run_keeps_its_project_where_only_the_folder_knew_it(tmp_path: Path) -> None:
    """Copied alone it would take the name of the new folder; a root keeps its folders."""
    run = RunSpec(tmp_path / "root").rows(1)
    salvage(run.path, tmp_path / "elsewhere" / "r1-salvaged")
    with Reader(tmp_path / "elsewhere" / "r1-salvaged") as copy:
        assert ("mnist", "r1-salvaged") == (copy.project, copy.id)
    (tmp_path / "latest").symlink_to(run.path)
    salvage(tmp_path / "latest", tmp_path / "by-link")
    with Reader(tmp_path / "by-link") as copy:
        assert "mnist" == copy.project
    salvage(tmp_path / "root", tmp_path / "new")
    with Reader(tmp_path / "new" / "mnist" / "r1") as copy:
        assert ("mnist", "r1") == (copy.project, copy.id)


@pytest.mark.parametrize(("pid_started", "state"), [(None, "running"), (1, "crashed")])
def test_the_state_of_a_run_without_an_end_stays(
    pid_started: int | None, state: str, tmp_path: Path
) -> None:
    """Whether its writer lives is told from the same facts, at the same time."""
    facts = {"host": os.uname().nodename, "pid": os.getpid(), "pid_started": pid_started}
    run = RunSpec(tmp_path / "root")
    run.log.record(RUN, TIME, facts)
    run.rows(2).tear(5)
    salvage(run.path, tmp_path / "new")
    with Reader(tmp_path / "new") as copy:
        assert (state, (TIME, TIME)) == (copy.state, copy.times)
    assert_same(run.path, tmp_path / "new")


# -- what is reported --------------------------------------------------------------------------------


def test_the_report_names_bytes_chunks_and_steps(tmp_path: Path) -> None:
    """Between which steps, at the start, at the end, where no chunk follows: at least so many."""
    log = LogSpec()
    for step in range(100, 130):
        log.row({"a": step}, step=step)
    data = bytearray(log.data)
    for chunk in (0, 10, 11):
        data[log.starts[chunk] + 20] ^= 1
    data[log.starts[28] : log.ends[29]] = b"x" * (log.ends[29] - log.starts[28])
    old = tmp_path / "main.0001.tlog"
    old.write_bytes(data)
    salvaged = only_log(salvage(old, tmp_path / "new" / "r1"))
    starts, ends = log.starts, log.ends
    assert [
        Loss(starts[0], ends[0] - starts[0], 1, is_exact=True, step_before=None, step_after=101),
        Loss(starts[10], ends[11] - starts[10], 2, is_exact=True, step_before=109, step_after=112),
        Loss(starts[28], ends[29] - starts[28], 1, is_exact=False, step_before=127, step_after=None),
    ] == salvaged.losses
    assert (25, None) == (salvaged.rows, salvaged.rows_lost)


def test_a_root_of_runs_in_all_states(tmp_path: Path) -> None:
    """Damage, a missing log, one that is none, one without a header, wrong files: each named."""
    root = tmp_path / "root"
    run = RunSpec(root, "mnist", "hurt").rows(5).media("a.png").media("b.png").saved("m.npz", 900)
    run.media("c.png")
    run.new_log("main.0003.tlog").rows(3).finish().damage(2)
    (run.path / "main.0004.tlog").write_bytes(b"no log at all, but long enough to be one" * 2)
    (run.path / "main.0005.tlog").write_bytes(b"TIDE")
    (run.path / "media/images/a.png").write_bytes(b"changed")
    (run.path / "media/images/c.png").write_bytes(bytes(500))  # Of the right size.
    (run.path / "media/images/lost-row.png").write_bytes(b"its row is gone")
    (run.path / "run.json").write_text("{}")
    RunSpec(root, "mnist", "sound").rows(2).finish()
    hopeless = root / "cifar" / "hopeless"
    hopeless.mkdir(parents=True)
    (hopeless / "main.0001.tlog").write_bytes(b"nothing of ours" * 9)
    before = tree(root)
    report = salvage(root, tmp_path / "new")
    assert before == tree(root)
    assert not report.is_whole
    assert ["cifar/hopeless"] == [unreadable.path for unreadable in report.unreadable]
    hurt, sound = report.runs
    assert ("mnist/hurt", "mnist/sound") == (hurt.path, sound.path)
    assert (False, True) == (hurt.is_whole, sound.is_whole)
    assert ["main.0002.tlog"] == hurt.missing_logs
    assert ["main.0004.tlog"] == [unreadable.path for unreadable in hurt.unreadable_logs]
    assert [("main.0005.tlog", (0, 4))] == [
        (log.name, log.torn_tail) for log in hurt.logs if log.torn_tail
    ]
    assert ["media/images/a.png", "media/images/c.png"] == [file.path for file in hurt.file_faults]
    assert (2, ["media/images/lost-row.png"]) == (hurt.files, hurt.unnamed)
    new = tree(tmp_path / "new")
    assert not any(name.startswith("cifar") for name in new)
    assert "mnist/hurt/run.json" in new
    assert not {"mnist/hurt/media/images/a.png", "mnist/hurt/media/images/c.png"} & set(new)
    for name in ("media/images/b.png", "files/m.npz"):
        assert before[f"mnist/hurt/{name}"] == new[f"mnist/hurt/{name}"]
    assert report.document() == json.loads(new["salvage.json"])
    assert found_in(run.path) == found_in(tmp_path / "new" / "mnist" / "hurt")
    # The name of a log that could not be read stays taken; what is missing is missing in the copy too.
    assert [] == check_run(tmp_path / "new" / "mnist" / "hurt").damage
    assert ["main.0002.tlog"] == check_run(tmp_path / "new" / "mnist" / "hurt").missing_logs
    assert check_run(tmp_path / "new" / "mnist" / "sound").is_whole


class BadSectors(Disk):
    """A disk that answers EIO for one range of each file."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        if offset < self.end and offset + size > self.start:
            raise OSError(errno.EIO, "Input/output error")
        return super().pread(fd, size, offset)


@pytest.mark.parametrize(
    ("disk", "fault"),
    [
        (lambda run: ClosedDisk(run), "Permission denied"),
        (lambda run: VanishingDisk(run, "list", at=2), "No such file or directory"),
    ],
)
def test_a_run_that_cannot_be_looked_into_costs_no_other(
    disk: Callable[[Path], Disk], fault: str, tmp_path: Path
) -> None:
    """The report names it."""
    closed = RunSpec(tmp_path / "root", "mnist", "closed").rows(3).finish()
    RunSpec(tmp_path / "root", "mnist", "open").rows(3).finish()
    report = salvage(tmp_path / "root", tmp_path / "new", disk=disk(closed.path))
    assert ["mnist/open"] == [run.path for run in report.runs]
    assert [Unreadable("mnist/closed", f"{closed.path} cannot be read: {fault}")] == report.unreadable


def test_a_disk_with_bad_sectors_gives_the_rest(tmp_path: Path) -> None:
    """What lies in the sectors is lost, and said to be unreadable; in the middle and at the very end."""
    run = RunSpec(tmp_path / "root")
    for _ in range(30):
        run.chunk_of(1000)
    size = (run.path / "main.0001.tlog").stat().st_size
    for start, end in ((8192, 12288), (28672, size)):
        new = tmp_path / f"new-{start}"
        log = only_log(report := salvage(run.path, new, disk=BadSectors(start, end)))
        assert not report.is_whole
        assert start == log.unreadable[0][0]
        bounds = zip(run.log.starts, run.log.ends, strict=True)
        kept = sum(last <= start or first >= end for first, last in bounds)
        assert kept == log.chunks
        assert [] == check_run(new).damage


# -- where it may go ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("root", "lie in each other"),
        ("root/mnist/r1/new", "lie in each other"),
        ("link/new", "lie in each other"),
        (".", "lie in each other"),
        ("full", "is not empty, it holds x"),
        ("full/x", "is a file"),
    ],
)
def test_a_place_that_is_not_free_is_refused(target: str, message: str, tmp_path: Path) -> None:
    """In itself, around itself, through a link, over something: nothing is written."""
    RunSpec(tmp_path / "root").rows(1)
    (tmp_path / "link").symlink_to(tmp_path / "root" / "mnist")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    before = tree(tmp_path)
    with pytest.raises(TargetTakenError, match=message):
        salvage(tmp_path / "root", tmp_path / target)
    assert before == tree(tmp_path)


def test_an_empty_directory_and_a_link_to_nothing_yet_are_free(tmp_path: Path) -> None:
    """The copy is where the name leads."""
    run = RunSpec(tmp_path / "root").rows(1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("behind")
    for target in ("empty", "link", "deep/er/down"):
        salvage(run.path, tmp_path / target)
        assert_same(run.path, tmp_path / target)
    assert (tmp_path / "behind" / "main.0001.tlog").exists()


@pytest.mark.parametrize(
    "path",
    ["main.0001.tlog", "main.0002.tlog", "run.json", "salvage.json", "../x", "/etc/passwd", "a\0b"],
)
def test_no_ledger_writes_over_the_copy_or_out_of_it(path: str, tmp_path: Path) -> None:
    """Also where the file is there, and is what the ledger says."""
    root = tmp_path / "root"
    run = RunSpec(root).rows(1)
    run.log.record(FILE, TIME, {"path": path, "size": 0, "sha256": EMPTY_SHA256})
    run.flush()
    for there in ("run.json", "salvage.json", "../x"):
        (run.path / there).write_bytes(b"")
    [salvaged] = salvage(run.path, tmp_path / "new" / "r1").runs
    assert [path] == [file.path for file in salvaged.file_faults]
    found = {"r1/main.0001.tlog", "r1/run.json", "r1/salvage.json"}
    assert found == set(tree(tmp_path / "new"))
    assert_same(run.path, tmp_path / "new" / "r1")


EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("link", ["media", "media/images", "media/images/a.png"])
def test_no_symbolic_link_is_followed(link: str, tmp_path: Path) -> None:
    """Neither to a file nor through a folder; the file is named instead."""
    run = RunSpec(tmp_path / "root").rows(1).media("a.png")
    (run.path / link).rename(tmp_path / "outside")
    (run.path / link).symlink_to(tmp_path / "outside")
    [salvaged] = salvage(run.path, tmp_path / "new").runs
    [fault] = salvaged.file_faults
    assert "media/images/a.png" == fault.path
    assert "symbolic link" in fault.fault
    assert not (tmp_path / "new" / "media").exists()


def test_what_is_no_run_and_no_log_is_an_error(tmp_path: Path) -> None:
    """And leaves nothing behind, no empty directory either."""
    (tmp_path / "x.tlog").write_bytes(b"something else" * 9)
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "main.0001.tlog").write_bytes(b"something else" * 9)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(NotALogError, match="is not a log"):
        salvage(tmp_path / "x.tlog", tmp_path / "new")
    with pytest.raises(NotARunError, match="nothing of"):
        salvage(tmp_path / "r", tmp_path / "new")
    with pytest.raises(DatastoreError, match="is not there"):
        salvage(tmp_path / "missing", tmp_path / "new")
    assert before == sorted(tmp_path.iterdir())


class StoppedDisk(Disk):
    """A disk at which a person loses patience, or that is full, at the n-th thing that is written."""

    def __init__(self, calls: int, error: BaseException) -> None:
        self.calls, self.error = calls, error
        self.write = self._write  # type: ignore[method-assign]

    def _write(self, fd: int, data: bytes) -> int:
        self._count()
        return os.write(fd, data)

    def _count(self) -> None:
        self.calls -= 1
        if self.calls < 0:
            raise self.error

    def copy(self, source: Any, path: Any) -> None:
        self._count()
        super().copy(source, path)

    def replace(self, path: Any, data: bytes, *, mode: int = 0o666) -> None:
        self._count()
        super().replace(path, data, mode=mode)

    def rename(self, source: Any, target: Any) -> None:
        self._count()
        super().rename(source, target)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_a_salvage_that_is_stopped_leaves_nothing(error: BaseException, tmp_path: Path) -> None:
    """Ctrl-C or a full disk at every single write: no half of a copy, not even a hidden one."""
    run = RunSpec(tmp_path / "root").rows(3).media("a.png").saved("m.npz", 10).finish()
    stopped = 0
    for calls in range(1000):
        place = tmp_path / str(calls)
        place.mkdir()
        try:
            salvage(run.path, place / "new", disk=StoppedDisk(calls, error))
        except type(error):
            stopped += 1
            assert [] == list(place.iterdir())
        else:
            break
    assert stopped > 10
    assert_same(run.path, place / "new")


class OrderedDisk(Disk):
    """A disk that notes which files were synced before which renames."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def fdatasync(self, fd: int) -> None:
        super().fdatasync(fd)
        self.done.append(f"synced {os.path.basename(os.readlink(f'/proc/self/fd/{fd}'))}")

    def rename(self, source: Any, target: Any) -> None:
        super().rename(source, target)
        self.done.append(f"renamed {os.path.basename(target)}")


def test_all_is_on_the_disk_before_the_copy_appears(tmp_path: Path) -> None:
    """A power cut shows it whole, or not at all."""
    run = RunSpec(tmp_path / "root").rows(3).new_log("main.0002.tlog").rows(2)
    disk = OrderedDisk()
    salvage(run.path, tmp_path / "new", disk=disk)
    steps = ["synced main.0001.tlog", "synced main.0002.tlog", "renamed salvage.json", "renamed new"]
    assert steps == [done for done in disk.done if ".tmp" not in done]


def peak_bytes(place: Path, chunks: int) -> int:
    """Return the most memory that a salvage of so many megabytes took at once."""
    log = LogSpec()
    place.mkdir()
    with (place / "main.0001.tlog").open("wb") as file:
        file.write(log.data)
        for step in range(chunks):
            payload = log.encoder.row({"text": Random(step).randbytes(500_000).hex()}, step, TIME)
            chunk = encode_chunk(RECORDS, step, payload, log_tag(LOG_ID))
            file.write(bytes(len(chunk)) if step == 1 else chunk)
    tracemalloc.start()
    salvaged = only_log(salvage(place, place.parent / f"{place.name}-new"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 1 == sum(loss.chunks for loss in salvaged.losses)
    return peak


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    """Ten times the log, the same memory, give or take a chunk."""
    small, large = peak_bytes(tmp_path / "small", 4), peak_bytes(tmp_path / "large", 40)
    assert large < small + 1_500_000
