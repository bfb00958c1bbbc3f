"""What stands for an object that is looked up anew at each use: the current run's config or summary."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tidelog.sdk.recorded_mapping import RecordedMapping


class Forward(Mapping[str, Any]):
    """`sdk.config` and `sdk.summary`: whatever is done to it is done to the current run's."""

    def __init__(self, find: Callable[[], RecordedMapping]) -> None:
        object.__setattr__(self, "_find", find)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._find(), name, value)

    def __getitem__(self, key: str) -> Any:
        return self._find()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._find()[key] = value

    def __delitem__(self, key: str) -> None:
        found: Any = self._find()  # A config lets nothing be taken out, a summary does.
        del found[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._find())

    def __len__(self) -> int:
        return len(self._find())

    __hash__ = None  # type: ignore[assignment] # It stands for different maps over time.

    def __reduce__(self) -> Any:
        return self._find().__reduce__()  # A copy is one of what it stands for now.

    def __repr__(self) -> str:
        return repr(self._find())
