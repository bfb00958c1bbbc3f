"""The files that a script saved, without those that the SDK keeps of every run by itself."""

from typing import Any

from tidelog.datastore import Reader

KEPT_OF_EVERY_RUN = {"files/requirements.txt", "files/code/diff.patch"}


def saved_files(run: Reader) -> list[Any]:
    """Return the ledger's files but for those that say where the run came from."""
    return [file for file in run.files() if file.path not in KEPT_OF_EVERY_RUN]
