"""Figures of plotting libraries: which values are some, and how they are drawn.

Drawing happens where the figure is given: neither library lets another thread draw it, and a script
closes or clears its figures right after.
"""

from types import ModuleType
from typing import Any

LIBRARIES = ("matplotlib", "plotly", "seaborn")


def is_figure(value: object) -> bool:
    """Tell whether this is a chart as it is, which `log()` takes without a wrapper."""
    if isinstance(value, ModuleType):
        return value.__name__ == "matplotlib.pyplot"
    return any(base.__module__.partition(".")[0] in LIBRARIES for base in type(value).__mro__)


def is_drawn_by(value: object, library: str) -> bool:
    """Tell whether a value's type is one of a library's; that library need not be there."""
    return any(base.__module__.partition(".")[0] == library for base in type(value).__mro__)


def is_plotly(value: object) -> bool:
    """Tell whether this is a plotly figure."""
    return is_drawn_by(value, "plotly") and hasattr(value, "to_json")


def drawn_figure(value: Any) -> Any | None:
    """Return what saves itself as an image: of `plt`, axes, seaborn's grids their figure.

    None for what is nothing such.
    """
    if isinstance(value, ModuleType):
        return value.gcf() if value.__name__ == "matplotlib.pyplot" else None
    if hasattr(value, "savefig"):
        return value
    if is_drawn_by(value, "matplotlib") or is_drawn_by(value, "seaborn"):
        figure = getattr(value, "figure", None)
        return figure if hasattr(figure, "savefig") else None
    return None


def draw(figure: Any) -> bytes:
    """Return a matplotlib figure as PNG."""
    from io import BytesIO

    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def draw_plotly(figure: Any) -> bytes:
    """Return a plotly figure as PNG. Raises ValueError where plotly cannot draw here."""
    try:
        return bytes(figure.to_image(format="png"))
    except Exception as error:
        raise ValueError(
            "plotly could not draw its figure as an image: pip install kaleido, or log "
            f"sdk.Plotly(figure), which needs nothing more ({type(error).__name__}: {error})"
        ) from error
