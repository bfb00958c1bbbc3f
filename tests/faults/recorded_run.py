"""A run that is written on a recording disk, and that notes each promise when it is made."""

import threading
from pathlib import Path
from random import Random

import PIL.Image
from faults.recording_disk import EndPromised, FilePromised, RecordingDisk, RowsPromised, Synced
from waiting import PATIENCE_S

from tidelog.datastore import Writer, WriterLimits
from tidelog.datastore.layout import RUN_JSON
from tidelog.datastore.writer import Durability
from tidelog.sdk.derived import write_run_json
from tidelog.sdk.media.image import Image
from tidelog.sdk.media.store import MediaStore
from tidelog.sdk.notices import Notices
from tidelog.sdk.saving import FileSaver

RUN = "run"
NEVER_S = 3600.0

LIMITS = WriterLimits(
    sync_interval_s=NEVER_S,
    buffered_interval_s=NEVER_S,
    buffered_bytes_max=150,
    checkpoint_bytes_min=250,
    checkpoint_growth=1,
    carried_chunk_bytes=100,
    reopen_backoff_first_s=0.001,
    reopen_backoff_max_s=0.002,
    troubles_told_max=1000,
    open_patience_s=PATIENCE_S,
    answer_patience_s=PATIENCE_S,
    sync_patience_s=PATIENCE_S,
    close_patience_s=PATIENCE_S,
)
"""Nothing is synced by itself; checkpoints are frequent; a failed file is followed at once.

All trouble is told, and every answer of the disk waited for: a promise is noted where none is pending.
"""


class RecordedRun:
    """Trains: each method does one thing, waits until the background has settled, notes the promise."""

    def __init__(
        self,
        root: Path,
        *,
        durability: Durability = "process",
        seed: int = 0,
        limits: WriterLimits = LIMITS,
    ) -> None:
        self.rows = 0
        self.disk = RecordingDisk(root)
        self._random = Random(seed)
        self._durability = durability
        self._is_well = threading.Event()
        self._is_well.set()
        root.mkdir()
        self._path = root / RUN
        self._sources = root.parent / f"{root.name}-sources"
        self._sources.mkdir()
        self.writer = Writer(
            self._path,
            durability=durability,
            disk=self.disk,
            entropy=self._random.randbytes,
            on_problem=self._hear,
            limits=limits,
        )
        self._images = MediaStore(self._path, disk=self.disk)
        self._saver = FileSaver(self._path, disk=self.disk, notices=Notices())

    # -- what a training script does -------------------------------------------------------------

    def log(self, count: int = 1, *, text_bytes: int = 0) -> None:
        """Log rows; with text they have another schema."""
        for _ in range(count):
            data = {"text": self._random.randbytes(text_bytes // 2).hex()} if text_bytes else {}
            self._log_row({"i": self.rows, **data})

    def image(self) -> None:
        """Log a row with an image, whose file comes first."""
        picture = PIL.Image.frombytes("L", (24, 24), self._random.randbytes(24 * 24))
        self._log_row(
            {"i": self.rows, "sample": self._images.store("s", Image(picture), step=self.rows)}
        )

    def save(self, name: str, size: int) -> None:
        """Save a file: the copy comes first, then its entry in the ledger."""
        source = self._sources / name
        source.write_bytes(self._random.randbytes(size))
        for entry in self._saver.save(str(source), base_path=None, policy="now"):
            self.disk.promise(FilePromised("power", f"{RUN}/{entry['path']}", source.read_bytes()))
            self.writer.log_file(entry)

    def describe(self) -> None:
        """Write run.json anew."""
        write_run_json(str(self._path), {"id": RUN}, {"noise": self._random.random()}, disk=self.disk)
        data = (self._path / RUN_JSON).read_bytes()
        self.disk.promise(FilePromised("power", f"{RUN}/{RUN_JSON}", data))

    def sync(self) -> None:
        """Bring all to the disk, or recover where that fails."""
        if self.writer.sync():
            self.disk.promise(RowsPromised("power", self.rows))
        else:
            self.recover()

    def wait_for_background(self) -> None:
        """Wait for a sync of the background thread that began after the last row."""
        after = len(self.disk.calls_made)
        self._log_row({"i": self.rows})
        while not any(isinstance(c, Synced) and c.before > after for c in self.disk.calls_made[after:]):
            threading.Event().wait(0.001)
        with self.writer._delivery._syncing.lock:  # Until it has synced the directory as well.
            self.disk.promise(RowsPromised("power", self.rows))

    def close(self) -> None:
        """End the run."""
        self.writer.close()
        assert 0 == self.writer.lost_rows
        self.disk.promise(RowsPromised("power", self.rows))
        self.disk.promise(EndPromised("power"))

    # -- trouble ---------------------------------------------------------------------------------

    def refuse_files(self, code: int) -> None:
        """Let no new file be created until `recover`."""
        self.disk.fail("create", code, times=None)

    def recover(self) -> None:
        """Let the disk be well, and wait until the writer says that it takes data again."""
        self.disk.heal()
        assert self._is_well.wait(PATIENCE_S), "the writer did not find its way back"
        self.disk.promise(RowsPromised("power", self.rows))

    @property
    def is_in_trouble(self) -> bool:
        """Whether the writer has said that its file cannot be written, and not yet that it can."""
        return not self._is_well.is_set()

    def _log_row(self, data: dict[str, object]) -> None:
        self.writer.log_row(data, step=self.rows)
        self.rows += 1
        # In trouble a row waits in memory, as it was told; in the buffer it waits for the next sync.
        if not self.is_in_trouble and self._durability != "buffered":
            level = "power" if self._durability == "power" else "process"
            self.disk.promise(RowsPromised(level, self.rows))

    def _hear(self, problem: str) -> None:
        if "takes data again" in problem:
            self._is_well.set()
        else:
            self._is_well.clear()
