"""What wandb calls an artifact: tidelog has no registry, so its files are kept in the run that logs it.

They lie in `files/artifacts/NAME/v0`, `v1` and so on, beside `artifact.json` with what else was said.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Protocol

from tidelog.datastore.as_json import dumps
from tidelog.datastore.disk import Disk
from tidelog.datastore.layout import FILES_DIRECTORY
from tidelog.sdk.naming import safe_name

ARTIFACTS_DIRECTORY = "artifacts"
DESCRIPTION_FILE = "artifact.json"
VERSIONS_MAX = 100_000


class KeepsFiles(Protocol):
    """What an artifact needs of a run."""

    @property
    def dir(self) -> os.PathLike[str]:
        """The run directory."""

    def save(self, glob_or_path: str) -> list[str]:
        """Name files in the run's ledger."""


class Artifact:
    """A name and the files that belong to it; `run.log_artifact(artifact)` keeps them."""

    def __init__(
        self,
        name: str,
        type: str = "unspecified",  # noqa: A002 - wandb's name for it
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        **_unknown: object,
    ) -> None:
        self.name = str(name)
        self.type = str(type)
        self.description = description
        self.metadata: dict[str, Any] = dict(metadata or {})
        self.aliases: list[str] = []
        self.version = "v0"
        self._sources: dict[str, str] = {}
        self._contents: dict[str, bytes] = {}
        self._references: list[str] = []

    def __repr__(self) -> str:
        return f"Artifact({self.name!r}, type={self.type!r}, version={self.version!r})"

    def add_file(self, local_path: str | os.PathLike[str], name: str | None = None, **_: object) -> None:
        """Let a file belong to it, under its own name or another; it is copied when it is logged."""
        path = os.fspath(local_path)
        self._sources[name or os.path.basename(path)] = path

    def add_dir(self, local_path: str | os.PathLike[str], name: str | None = None, **_: object) -> None:
        """Let a folder's files belong to it, below `name` where one is given."""
        self._sources[name or ""] = os.fspath(local_path)

    def add_reference(self, uri: object, name: str | None = None, **_: object) -> None:
        """Note where something else is; nothing is fetched."""
        self._references.append(str(uri) if name is None else f"{name}: {uri}")

    def add(self, obj: object, name: str, **_: object) -> None:
        """Note that an object was given; media are recorded by `run.log()`, not here."""
        self._references.append(f"{name}: {type(obj).__name__}; run.log() records it")

    @contextmanager
    def new_file(self, name: str, mode: str = "w", encoding: str = "utf-8") -> Iterator[IO[Any]]:
        """Give a file to write to; what is in it at the end of the block belongs to the artifact."""
        from io import BytesIO, TextIOWrapper

        written = BytesIO()
        stream = written if "b" in mode else TextIOWrapper(written, encoding=encoding)
        yield stream
        stream.flush()
        self._contents[name] = written.getvalue()

    def download(self, root: str | os.PathLike[str] | None = None, **_: object) -> str:
        """Return the folder that its files are expected in: nothing is fetched."""
        return os.path.join(".", ARTIFACTS_DIRECTORY, self.name) if root is None else os.fspath(root)

    def wait(self, timeout: float | None = None) -> "Artifact":  # noqa: ARG002 - nothing takes time.
        """Return itself: what was logged is on the disk already."""
        return self

    def keep(self, run: KeepsFiles, *, disk: Disk) -> None:
        """Copy its files into the run. Raises OSError."""
        place = self._free_place(os.path.join(run.dir, FILES_DIRECTORY), disk)
        for name, source in list(self._find(os.path.realpath(run.dir), disk)):
            disk.copy(source, _make_place(place, name, disk))
        for name, content in self._contents.items():
            disk.replace(_make_place(place, name, disk), content)
        description = dumps(self._description(), indent=2).encode("utf-8", "backslashreplace")
        disk.replace(_make_place(place, DESCRIPTION_FILE, disk), description)
        run.save(place)

    def _free_place(self, files: str, disk: Disk) -> str:
        versions = os.path.join(files, ARTIFACTS_DIRECTORY, safe_name(self.name, default="unnamed"))
        for number in range(VERSIONS_MAX):
            self.version = f"v{number}"
            place = os.path.join(versions, self.version)
            if not disk.is_there(place):
                return place
        raise OSError(f"{versions} holds {VERSIONS_MAX} versions already")

    def _find(self, run_directory: str, disk: Disk) -> Iterator[tuple[str, str]]:
        """Yield (name, path) of its files; a folder above the run leaves the run itself out."""
        for name, source in self._sources.items():
            if not disk.is_directory(source):
                yield name, source
                continue
            for path, entry in disk.walk(source):
                if entry.is_file and not os.path.realpath(path).startswith(run_directory + os.sep):
                    yield os.path.join(name, os.path.relpath(path, source)), path

    def _description(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "metadata": self.metadata,
            "aliases": self.aliases,
            "references": self._references,
        }


def _make_place(folder: str, name: str, disk: Disk) -> str:
    """Return the path of a file within `folder`, whatever its name says; make the folders above it."""
    parts = os.path.normpath(os.path.join(os.sep, name)).strip(os.sep).split(os.sep)
    path = os.path.join(folder, *(safe_name(part, default="file") for part in parts))
    disk.make_directory(os.path.dirname(path))
    return path
