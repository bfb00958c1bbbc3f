"""What measures uploads: that it carries, compares and counts, with jobs that are small."""

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CHECKOUT))


def test_a_job_is_carried_compared_and_counted(tmp_path: Path) -> None:
    """Through the relay and without it: all bytes arrive, and each request is counted once."""
    from benchmarks.uploading import rounds, tables
    from benchmarks.uploading.jobs import PROJECT, Sizes, jobs
    from benchmarks.uploading.ways import TIDELOG, ways

    sizes = Sizes(rows=50, runs=2, rows_of_a_run=5, images=20, checkpoint_bytes=3000, long_bytes=3000)
    [job] = [job for job in jobs(sizes) if "images" in job.name]
    [way] = [way for way in ways() if way.name == TIDELOG]
    job.make(tmp_path / "source" / PROJECT)
    result = rounds.Result("tidelog: images", way.name, job.name, size_bytes=1)
    rounds._take_turns(job, tmp_path / "source", [(way, result)], rounds=1, tell=lambda _line: None)
    assert "" == result.failure
    assert result.wire is not None
    assert 4 == result.wire.requests  # How far the log is held, the log, which images are missing, they.
    assert 20 * 9000 < result.wire.bytes_up < 20 * 12_000
    [sample] = result.samples
    assert sample.wall_s > 0
    assert sample.agent_cpu_s > 0
    assert "20 images" in tables.section([result], 1)
    assert result == rounds.Result.from_json(result.as_json())


def test_a_way_that_brings_other_bytes_has_failed(tmp_path: Path) -> None:
    """A copy that is not equal is no figure."""
    from benchmarks.uploading import ways
    from benchmarks.uploading.ends import UploadError

    for name, data in (("sent", b"one"), ("arrived", b"two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(data)
    with pytest.raises(UploadError, match="1 files differ"):
        ways._compare(tmp_path / "sent", tmp_path / "arrived")


def test_a_job_without_room_is_not_begun(tmp_path: Path) -> None:
    """Two gigabytes on a full disk would end more than a benchmark."""
    from benchmarks.uploading import rounds
    from benchmarks.uploading.jobs import Job

    result = rounds.Result("x", "x", "x")
    job = Job("huge", lambda _root: pytest.fail("it was begun"), 1 << 60)
    rounds._make(job, tmp_path / "source", [(None, result)], lambda _line: None)  # type: ignore[list-item]
    assert "of room" in result.failure
