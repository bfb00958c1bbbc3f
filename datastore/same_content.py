"""Where the bytes of a digest were last seen in a project. No I/O: these are hints, to be checked.

Never from one project to another: who may write to one must not learn what another one holds.
"""

from collections import OrderedDict

REMEMBERED_MAX = 65_536


class SameContent:
    """Remembers a place for each digest of a project, the latest of them."""

    def __init__(self, *, remembered_max: int = REMEMBERED_MAX) -> None:
        self._places: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._remembered_max = remembered_max

    def __repr__(self) -> str:
        return f"<SameContent of {len(self._places)} digests>"

    def note(self, project: str, sha256: str, place: str) -> None:
        """Remember that the bytes of this digest lie here."""
        self._places[project, sha256] = place
        self._places.move_to_end((project, sha256))
        if len(self._places) > self._remembered_max:
            self._places.popitem(last=False)

    def find(self, project: str, sha256: str) -> str | None:
        """Return where the bytes of this digest may lie, None where nobody saw them."""
        return self._places.get((project, sha256))
