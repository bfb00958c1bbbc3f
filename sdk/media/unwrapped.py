"""Values that `log()` takes as they are for media: figures of plotting libraries, DataFrames."""

from typing import Any

from tidelog.sdk.media.figure import drawn_figure, is_drawn_by, is_figure, is_plotly
from tidelog.sdk.media.value import MediaValue


def as_media(value: Any) -> MediaValue | None:
    """Return the media value that a figure or a DataFrame stands for, None for anything else."""
    if is_drawn_by(value, "pandas") and hasattr(value, "iterrows"):
        from tidelog.sdk.media.table import Table

        return Table(dataframe=value)
    if not is_figure(value):
        return None
    if is_plotly(value):
        from tidelog.sdk.media.plotly import Plotly

        return Plotly(value)
    from tidelog.sdk.media.image import Image

    return Image(value) if drawn_figure(value) is not None else None
