"""The cells of a notebook, as far as IPython tells of them."""

import sys
from collections.abc import Callable
from typing import Any


class Cells:
    """Calls back when a cell begins; nothing where there is no IPython."""

    def __init__(self, on_cell: Callable[[], None]) -> None:
        self._on_cell = on_cell
        self._events: Any = None

    def start(self) -> None:
        """Listen from the next cell on."""
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython is not None else None
        if shell is not None:
            self._events = shell.events
            self._events.register("pre_run_cell", self._begin_cell)

    def stop(self) -> None:
        """Listen no more; again is without effect."""
        events, self._events = self._events, None
        if events is not None:
            events.unregister("pre_run_cell", self._begin_cell)

    def _begin_cell(self, _info: object = None) -> None:
        self._on_cell()
