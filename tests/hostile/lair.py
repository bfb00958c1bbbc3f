"""A hub's data folder with traps in it, a folder outside of it, and the oracle over both."""

import hashlib
import os
from pathlib import Path

from log_spec import LogSpec

from tidelog.datastore.errors import InvalidNameError
from tidelog.datastore.format import FILE_HEADER_BYTES
from tidelog.datastore.names import check_name

SECRET = b"7f3a-the-secret-of-somebody-else"
LOG = LogSpec().row({"loss": 1.0}, step=0).data
PLANTED = {
    "linkproject": "../outside",
    "p/linkrun": "../../outside",
    "p/r/main.0002.tlog": "../../../outside/main.0001.tlog",
    "p/r/media/link": "../../../../outside",
    "p/r/media/dangling": "../../../../outside/made-by-the-hub",
    "p/r/files/secret.txt": "../../../../outside/secret.txt",
}


class Lair:
    """`data` is the hub's, `outside` beside it; `check` tells whether everything is as it has to be."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.data, self.outside = place / "hub", place / "outside"
        (self.outside / "r").mkdir(parents=True)
        for path in ("secret.txt", "r/secret.txt", "x"):
            (self.outside / path).write_bytes(SECRET)
        for path in ("main.0001.tlog", "r/main.0001.tlog"):
            (self.outside / path).write_bytes(LOG + SECRET)
        for folder in ("p/r/media", "p/r/files"):
            (self.data / folder).mkdir(parents=True)
        (self.data / "p/r/main.0001.tlog").write_bytes(LOG)
        for path, goal in PLANTED.items():
            (self.data / path).symlink_to(goal)
        self._before = self._digest_outside()

    def check(self) -> None:
        """Nothing outside has changed, and nothing inside is there that the grammar of names refuses."""
        assert self._before == self._digest_outside()
        assert [] == self._uploaded_into_the_hubs_own()
        links = set()
        for folder, folders, files in os.walk(self.data):
            inside = os.path.relpath(folder, self.data)
            if inside == ".":
                folders.remove(".hub")
            for name in folders + files:
                path = os.path.normpath(os.path.join(inside, name))
                assert is_name(name), path
                if os.path.islink(os.path.join(folder, name)):
                    links.add(path)
        assert links <= set(PLANTED)

    def _uploaded_into_the_hubs_own(self) -> list[Path]:
        """Return what of the attack lies in the hub's own folder, but for runs that were deleted."""
        own = self.data / ".hub"
        return [
            path
            for path in own.rglob("*")
            if path.is_file() and own / "trash" not in path.parents and is_upload(path)
        ]

    def _digest_outside(self) -> dict[str, tuple[int, str]]:
        """Return everything beside the data folder: mode and content or target."""
        found = {}
        for folder, folders, files in os.walk(self.place):
            if folder == str(self.place):
                folders.remove("hub")
            for name in folders + files:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                content = b""
                if os.path.isfile(path):
                    content = Path(path).read_bytes()
                found[path] = (status.st_mode, hashlib.sha256(content).hexdigest())
        return found


def is_name(name: str) -> bool:
    try:
        check_name("name", name)
    except InvalidNameError:
        return False
    return True


def is_upload(path: Path) -> bool:
    return path.suffix == ".tlog" or path.read_bytes().startswith(LOG[:FILE_HEADER_BYTES])
