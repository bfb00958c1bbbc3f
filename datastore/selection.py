"""Which rows and which columns of a run are wanted; asked while reading, so that no others are held."""

import re
from collections.abc import Iterable, Sequence
from fnmatch import translate
from typing import Any

_WILD = re.compile(r"[*?[]")


class Selection:
    """The columns named by `keys`, in rows whose step lies in `steps`; all of them by default."""

    def __init__(
        self,
        keys: str | Iterable[str] | None = None,
        steps: slice | None = None,
        *,
        metric: str | None = None,
    ) -> None:
        """Take names or patterns as `fnmatch` has them, and `a <= step < b` as `slice(a, b)`.

        With `metric`, that column alone is wanted, and no row that lacks it. Raises ValueError for a
        slice with a stride, TypeError for limits that are no ints.
        """
        self.metric = metric
        self.first, self.stop = _limits(steps)
        self.has_limits = self.first is not None or self.stop is not None
        names = [keys] if isinstance(keys, str) else None if keys is None else list(keys)
        self._names = None if names is None else frozenset(names)
        # Not by `fnmatchcase`, which keeps 32,768 patterns for good: a hub is asked for ever new ones.
        self._patterns = [re.compile(translate(name)) for name in names or () if _WILD.search(name)]
        self._wanted: dict[str, bool] = {}

    def has_name(self, name: str) -> bool:
        """Tell whether a column is wanted."""
        wanted = self._wanted.get(name)
        if wanted is None:
            wanted = self._wanted[name] = self._is_wanted(name)
        return wanted

    def places(self, names: Sequence[str]) -> list[tuple[int, str]]:
        """Return where among the values of a row the wanted ones lie, with their names."""
        return [(place, name) for place, name in enumerate(names) if self.has_name(name)]

    def has_step(self, step: int) -> bool:
        """Tell whether rows of a step are wanted."""
        return (self.first is None or step >= self.first) and (self.stop is None or step < self.stop)

    def rows(self, records: list[list[Any]]) -> list[list[Any]]:
        """Return those row records whose step is wanted."""
        if not self.has_limits:
            return records
        return [record for record in records if self.has_step(record[2])]

    def _is_wanted(self, name: str) -> bool:
        if self.metric is not None:
            return name == self.metric
        if self._names is None or name in self._names:
            return True
        return any(pattern.match(name) for pattern in self._patterns)


def _limits(steps: slice | None) -> tuple[int | None, int | None]:
    if steps is None:
        return None, None
    if not isinstance(steps, slice):
        raise TypeError(f"steps={steps!r} is no slice; steps=slice(a, b) means a <= step < b")
    if steps.step not in (None, 1):
        raise ValueError(f"steps={steps!r} has a stride of {steps.step}; only None or 1 is possible")
    for limit in (steps.start, steps.stop):
        if limit is not None and not hasattr(type(limit), "__index__"):
            raise TypeError(f"steps={steps!r}: the limit {limit!r} is no int")
    return steps.start, steps.stop


ALL = Selection()
