"""API keys in the keyring of the system (Secret Service, macOS Keychain, ...) instead of a file.

The package `keyring` comes with an extra and is loaded when a key is kept there. What its backends
raise, and they raise many things, becomes one sentence that says what to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tidelog.datastore.errors import MissingPackageError
from tidelog.datastore.extras import load
from tidelog.syncd.errors import CannotStartError

SERVICE: Final = "tidelog"


def keep(name: str, key: str) -> None:
    """Keep a key under a name. Raises CannotStartError where no keyring takes it."""
    with _in_words() as keyring:
        keyring.set_password(SERVICE, name, key)


def recall(name: str) -> str | None:
    """Return the key of this name, None where the keyring has none."""
    with _in_words() as keyring:
        found = keyring.get_password(SERVICE, name)
        return None if found is None else str(found)


def forget(name: str) -> None:
    """Remove the key of this name; one that is not there is fine."""
    with _in_words() as keyring:
        if keyring.get_password(SERVICE, name) is not None:
            keyring.delete_password(SERVICE, name)


@contextmanager
def _in_words() -> Iterator[Any]:
    try:
        yield load("keyring", extra="keyring", purpose="a key in the system's keyring")
    except MissingPackageError as error:
        raise CannotStartError(str(error)) from error
    except Exception as error:
        # Each backend has errors of its own, D-Bus many.
        said = str(error).strip().splitlines()
        reason = said[0] if said else type(error).__name__
        raise CannotStartError(
            f"the system's keyring does not work here ({reason}): unlock it, or run `syncd login` "
            "without --keyring, which stores the key in a file that this account alone can read"
        ) from error
