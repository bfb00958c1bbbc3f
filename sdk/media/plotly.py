"""Charts of plotly, as the JSON that plotly.js draws."""

from functools import partial
from typing import Any, ClassVar

from tidelog.datastore.disk import Disk
from tidelog.sdk.media.figure import drawn_figure, is_plotly
from tidelog.sdk.media.source import load, require_size
from tidelog.sdk.media.value import Encoded, Keep, MediaValue, Snapshot
from tidelog.sdk.notices import shown

S_PER_BYTE = 2e-9


class Plotly(MediaValue):
    """A chart to log: a plotly figure; one of matplotlib where plotly is there to turn it into one."""

    type: ClassVar[str] = "plotly"
    folder: ClassVar[str] = "plotly"

    def __init__(self, val: Any, caption: object = None, **unknown: object) -> None:
        super().__init__(caption, unknown=unknown)
        self._hold(lambda: _as_json(val))

    def snapshot(self, disk: Disk) -> Snapshot:  # noqa: ARG002 - it is made from no file
        """Return the JSON that the figure was when this was made."""
        data: bytes = self._require_held()
        require_size(len(data), "it has", kind="chart")
        return Snapshot(len(data), len(data) * S_PER_BYTE, partial(self._encode, data))

    def _encode(self, data: bytes, _keep: Keep) -> Encoded:
        return Encoded(self.type, self.folder, "plotly.json", data, self._captioned({}))


def _as_json(value: Any) -> bytes:
    if not is_plotly(value):
        figure = drawn_figure(value)
        if figure is None:
            raise ValueError(f"{shown(value)} is no figure of plotly or matplotlib")
        value = load("plotly.tools", "a matplotlib figure as a chart", package="plotly").mpl_to_plotly(
            figure
        )
    return str(value.to_json()).encode()
