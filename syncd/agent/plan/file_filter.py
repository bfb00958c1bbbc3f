"""Which files of a run travel. Records always do: they are small, and the ledger is in them. No I/O."""

from fnmatch import fnmatchcase
from typing import NamedTuple

from tidelog.datastore.layout import MEDIA_DIRECTORY


class FileFilter(NamedTuple):
    """Files that match one of `only` (all where it is empty); media only with `has_media`.

    In a pattern `*` stands for any characters, `/` included, `?` for one of them.
    """

    only: tuple[str, ...] = ()
    has_media: bool = True

    @property
    def is_open(self) -> bool:
        """Tell whether every file passes."""
        return not self.only and self.has_media

    def passes(self, path: str) -> bool:
        """Tell whether the file at a path below the run directory may travel."""
        if not self.has_media and path.startswith(f"{MEDIA_DIRECTORY}/"):
            return False
        return not self.only or any(fnmatchcase(path, pattern) for pattern in self.only)


EVERY_FILE = FileFilter()
