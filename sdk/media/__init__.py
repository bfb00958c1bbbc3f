"""Media that people log: from what they have in hand to a file beside the row, or a value in it.

Each kind is loaded once it is asked for: a script that logs numbers pays for none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidelog.sdk.media.audio import Audio
    from tidelog.sdk.media.box3d import box3d
    from tidelog.sdk.media.histogram import Histogram
    from tidelog.sdk.media.html import Html
    from tidelog.sdk.media.image import Image
    from tidelog.sdk.media.object3d import Object3D
    from tidelog.sdk.media.overlay import BoundingBoxes2D, Classes, ImageMask
    from tidelog.sdk.media.plotly import Plotly
    from tidelog.sdk.media.table import Table
    from tidelog.sdk.media.text import Text
    from tidelog.sdk.media.video import Video

HOMES = {
    "Audio": "audio",
    "BoundingBoxes2D": "overlay",
    "Classes": "overlay",
    "Histogram": "histogram",
    "Html": "html",
    "Image": "image",
    "ImageMask": "overlay",
    "Object3D": "object3d",
    "Plotly": "plotly",
    "Table": "table",
    "Text": "text",
    "Video": "video",
    "box3d": "box3d",
}
"""What people log, and the module here that it is in."""

__all__ = [
    "Audio",
    "BoundingBoxes2D",
    "Classes",
    "Histogram",
    "Html",
    "Image",
    "ImageMask",
    "Object3D",
    "Plotly",
    "Table",
    "Text",
    "Video",
    "box3d",
]


def __getattr__(name: str) -> Any:
    home = HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value
