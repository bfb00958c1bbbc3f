"""The dict that an object of somebody else's stands for: a Namespace, a dataclass, an OmegaConf.

Foreign objects may raise anything while they are read; it is passed on. Knows foreign classes by
their names and methods, so that none of their packages is imported.
"""

from collections.abc import Callable, Mapping
from typing import Any

DICT_METHODS = (
    "model_dump",  # pydantic
    "as_dict",  # a config of another run
    "to_dict",  # ml_collections, transformers
    "flag_values_dict",  # absl
)


def as_map(source: object) -> dict[Any, Any] | None:
    """Return the dict that a mapping or an object with named fields stands for, None for others."""
    if source is None:
        return {}
    if _is_omegaconf(source):
        return _from_omegaconf(source)
    if isinstance(source, Mapping):
        return dict(source)
    if isinstance(source, type):
        return None
    for names in ("__dataclass_fields__", "__attrs_attrs__"):
        fields = getattr(source, names, None)
        if fields is not None and not callable(fields):
            return _named(source, [getattr(field, "name", field) for field in fields])
    for method in DICT_METHODS:
        turn: Callable[[], Mapping[Any, Any]] | None = getattr(source, method, None)
        if callable(turn) and not hasattr(source, "shape"):  # A table of pandas has `to_dict` as well.
            return dict(turn())
    values = getattr(source, "__dict__", None)
    return dict(values) if values is not None and type(source).__name__.endswith("Namespace") else None


def _named(source: object, names: list[str]) -> dict[Any, Any]:
    return {name: getattr(source, name) for name in names if hasattr(source, name)}


def _is_omegaconf(source: object) -> bool:
    return type(source).__module__.partition(".")[0] == "omegaconf"


def _from_omegaconf(source: object) -> dict[Any, Any] | None:
    """Return a DictConfig, its interpolations resolved unless one of them leads nowhere."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        values = OmegaConf.to_container(source, resolve=True)
    except OmegaConfBaseException:
        values = OmegaConf.to_container(source, resolve=False)
    return dict(values) if isinstance(values, dict) else None
