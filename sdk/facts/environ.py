"""The environment variables that change what a script computes: by a list of names, never all."""

from collections.abc import Mapping

from tidelog.datastore.variables import is_told
from tidelog.sdk.facts.secrets import hide_value, is_secret_name

VALUES_MAX = 200


def environ_facts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the list that are set; a value that looks like a key is hidden."""
    names = [name for name in environ if is_told(name) and not is_secret_name(name)]
    return {name: _text(hide_value(environ[name])) for name in sorted(names)[:VALUES_MAX]}


def _text(value: str) -> str:
    return value.encode("utf-8", "backslashreplace").decode()
