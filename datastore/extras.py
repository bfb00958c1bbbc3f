"""Packages that only an extra of ours brings: imported when they are asked for, or named in an error."""

from importlib import import_module
from typing import Any

from tidelog.datastore.errors import MissingPackageError


def load(module: str, *, extra: str, purpose: str) -> Any:
    """Return a module. Raises MissingPackageError, which says what to install, where it is not there."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingPackageError(
            f"{purpose} needs {package}, which cannot be imported ({error}): "
            f"pip install 'tidelog[{extra}]'"
        ) from error
