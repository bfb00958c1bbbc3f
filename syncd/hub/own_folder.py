"""What lies in a hub's own folder and is named by more than one part of it. No I/O."""

from typing import Final

HUB_DIRECTORY: Final = ".hub"
"""The hub's own folder, below its data folder."""
LOCK_FILE: Final = "hub.lock"
"""Whoever holds its lock serves the data folder, or makes its index anew."""
REINDEX_REQUEST: Final = "reindex.wanted"
"""A file of this name asks a running hub for a new index; it removes it then."""
