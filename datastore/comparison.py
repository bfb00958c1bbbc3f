"""Comparisons such as `summary.acc >= 0.9`, by which runs are chosen from a root. Pure."""

import json
import operator
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tidelog.datastore.as_json import dumps
from tidelog.datastore.errors import ComparisonError

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
    "~": lambda value, pattern: fnmatchcase(str(value), str(pattern)),
}
_ORDERS = ("<=", ">=", "<", ">")
_FORM = re.compile(r"\s*(?P<field>.+?)\s*(?P<sign><=|>=|!=|==|<|>|=|~)\s*(?P<literal>.*?)\s*", re.DOTALL)


class Comparison(NamedTuple):
    """A field, how it is compared, and with what."""

    field: str
    sign: str
    value: Any

    @classmethod
    def parse(cls, text: str) -> "Comparison":
        """Return the comparison that a text such as `config.lr < 1e-3` or `name ~ base*` stands for.

        What is compared with is a number, `true`, `false`, `null` or a string as in JSON, else the text
        as it is. Raises ComparisonError where the text is none.
        """
        match = _FORM.fullmatch(text)
        if match is None or (match["sign"] in _ORDERS and not match["literal"]):
            raise ComparisonError(
                f"{text!r} is no comparison: write a field, one of {' '.join(_OPERATORS)} and a value, "
                "such as 'summary.loss < 0.1'"
            )
        literal = match["literal"]
        try:
            value = json.loads(literal)
        except ValueError:
            value = literal
        return cls(match["field"], match["sign"], literal if match["sign"] == "~" else value)

    def holds(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether it holds for what `fields` has; never where that has no such field.

        Of a list, such as tags, it is enough that it holds for one. What cannot be compared, such as a
        string with a number, is not equal and neither less nor more.
        """
        found, value = find_field(fields, self.field)
        if not found:
            return False
        if isinstance(value, list) and not isinstance(self.value, list):
            holds = (self._holds_for(each) for each in value)
            return all(holds) if self.sign == "!=" else any(holds)
        return self._holds_for(value)

    def _holds_for(self, value: Any) -> bool:
        try:
            return bool(_OPERATORS[self.sign](value, self.value))
        except TypeError:
            return False


def find_field(fields: Mapping[str, Any], name: str) -> tuple[bool, Any]:
    """Return whether there is a field, and its value; `config.a.b` is `a.b` or `b` in `a` of config."""
    if name in fields:
        return True, fields[name]
    for end in (at for at, character in enumerate(name) if character == "."):
        inner = fields.get(name[:end])
        if isinstance(inner, Mapping):
            found, value = find_field(inner, name[end + 1 :])
            if found:
                return True, value
    return False, None


def sort_key(fields: Mapping[str, Any], name: str) -> tuple[int, Any] | None:
    """Return what runs are sorted by: numbers, then texts, then the rest; None for nothing."""
    _, value = find_field(fields, name)
    if value is None or value != value:  # NaN has no place in an order.
        return None
    if isinstance(value, (int, float)):
        return 0, value
    return (1, value) if isinstance(value, str) else (2, dumps(value))
