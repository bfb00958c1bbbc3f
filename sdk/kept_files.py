"""All files that a run keeps beside its logs: saved ones, live ones, code, and of its origin."""

import os

from tidelog.datastore.clock import Clock
from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import is_stray
from tidelog.sdk.live_files import LiveFiles
from tidelog.sdk.notices import Notices, shown
from tidelog.sdk.saving import FileSaver, Record
from tidelog.sdk.source_code import Choice, SourceCode

POLICIES = ("now", "end", "live")


class KeptFiles:
    """The files of one run. What is told and what is raised: see `FileSaver`, which copies them all."""

    def __init__(
        self,
        directory: str,
        *,
        root: str,
        record: Record,
        notices: Notices,
        disk: Disk,
        clock: Clock,
    ) -> None:
        self._directory = directory
        self._disk = disk
        self._notices = notices
        self._files = FileSaver(directory, disk=disk, notices=notices, record=record, clock=clock)
        self._live = LiveFiles(self._files, notices=notices, clock=clock)
        self._code = SourceCode(directory, root=root, files=self._files, disk=disk, notices=notices)
        self.write = self._files.write
        self.keep_entry = self._code.keep_entry

    @property
    def is_busy(self) -> bool:
        """Whether this very thread is in the middle of a copy: a signal handler interrupted it."""
        return self._files.is_busy

    @property
    def count(self) -> int:
        """How many files were saved."""
        return self._files.count

    @property
    def size_bytes(self) -> int:
        """How large they are together."""
        return self._files.size_bytes

    def save(
        self,
        glob_or_path: str | os.PathLike[str] | None,
        base_path: str | os.PathLike[str] | None,
        policy: str,
    ) -> list[str]:
        """Copy files now, at the end, or both and in between; return the paths of those in place."""
        if glob_or_path is None:
            self._notices.tell(
                "save path", "save() without a path saves nothing: give a file or pattern"
            )
            return []
        pattern = os.fspath(glob_or_path)
        base = None if base_path is None else os.fspath(base_path)
        if policy not in POLICIES:
            self._notices.tell(
                "policy", f"save(policy={shown(policy)}) is none of {', '.join(POLICIES)}: saved now"
            )
            policy = "now"
        if policy != "now":
            self._live.keep(pattern, base, policy=policy)
        if policy == "end":
            return []
        return [e["path"] for e in self._files.save(pattern, base_path=base, policy=policy)]

    def log_code(
        self, root: str | os.PathLike[str], name: str | None, include: Choice, exclude: Choice
    ) -> list[str]:
        """Copy source files beside training; return the paths that they will have."""
        return self._code.log(os.fspath(root), name, include, exclude)

    def finish(self, *, keeps_strays: bool) -> None:
        """Return once all is copied, as it is now; `keeps_strays` is for the main process of a run.

        A disk that does not answer is given up, which is told: to copy has no bound.
        """
        from tidelog.datastore.patience import DISK_PATIENCE_S, answer_within

        try:
            answer_within(DISK_PATIENCE_S, lambda: self._disk.is_there(self._directory))
        except TimeoutError as error:
            self._notices.tell(
                "files at the end",
                f"{self._directory}: {error}; files to be saved at the end are left out: copy them by "
                "hand",
            )
            return
        if keeps_strays:
            self._keep_strays()
        self._code.stop()
        self._live.stop()

    def _keep_strays(self) -> None:
        """Copy what the script itself wrote into the run directory, as wandb uploads what is there."""
        try:
            entries = self._disk.list(self._directory)
        except OSError as error:
            self._notices.tell(
                "save", f"{self._directory} could not be read ({error}): training goes on"
            )
            return
        for entry in entries:
            if is_stray(entry.name):
                path = os.path.join(self._directory, entry.name)
                self._files.save(path, base_path=self._directory, policy="end")
