"""What `run.config` and `run.summary` are: mappings whose every change is recorded at once."""

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from tidelog.sdk.notices import Notices, shown
from tidelog.sdk.values import clean_map, to_map

Record = Callable[[dict[str, Any]], None]


class RecordedMapping:
    """A mapping with keys as attributes; what is set is recorded, and nothing here raises for it.

    Values that no record can hold are kept as text, which is told once. A nested map that is changed
    in place is not noticed: assign it again.
    """

    def __init__(
        self,
        *,
        title: str,
        record: Record,
        notices: Notices,
        held: Mapping[str, Any] | None = None,
    ) -> None:
        object.__setattr__(self, "_values", dict(held or {}))
        object.__setattr__(self, "_title", title)
        object.__setattr__(self, "_record", record)
        object.__setattr__(self, "_notices", notices)

    def update(
        self,
        *args: Any,
        allow_val_change: bool = True,  # noqa: ARG002 - wandb's; values may always be changed.
        **values: Any,
    ) -> None:
        """Set several values: from a mapping, an argparse Namespace, a dataclass, or by name."""
        for source in args:
            values = {**self._as_map(source), **values}
        self._set(values)

    def setdefaults(self, values: object) -> None:
        """Set the values whose keys are not there yet."""
        held = self._current()
        self._set({k: v for k, v in self._as_map(values).items() if k not in held})

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or `default`."""
        return self._current().get(key, default)

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dict of what is held."""
        return dict(self._current())

    def keys(self) -> KeysView[str]:
        """Return the keys."""
        return self._current().keys()

    def values(self) -> ValuesView[Any]:
        """Return the values."""
        return self._current().values()

    def items(self) -> ItemsView[str, Any]:
        """Return the pairs of key and value."""
        return self._current().items()

    def __getitem__(self, key: str) -> Any:
        return self._current()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._set({key: value})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._current()[name]
        except KeyError:
            raise AttributeError(f"{self._title} has no {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._set({name: value})

    def __contains__(self, key: object) -> bool:
        return key in self._current()

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def __eq__(self, other: object) -> bool:
        return dict(self._current()) == (
            other.as_dict() if isinstance(other, RecordedMapping) else other
        )

    __hash__ = None  # type: ignore[assignment] # Two maps are equal by what they hold.

    def __repr__(self) -> str:
        return f"{self._title}({self._current()!r})"

    def _current(self) -> Mapping[str, Any]:
        return self._values  # type: ignore[no-any-return] # Set past our own __setattr__.

    def _set(self, values: Mapping[Any, Any]) -> None:
        try:
            cleaned, faults = clean_map(values)
            for fault in faults:
                self._notices.tell(f"{self._title} {fault.kind}", f"{self._title}: {fault.text}")
            self._values.update(cleaned)
            if cleaned:
                self._record(cleaned)
        except Exception as error:  # noqa: BLE001 - a foreign mapping may raise anything.
            self._notices.tell(
                f"{self._title} failed", f"{self._title} could not be set: {error!r}; training goes on"
            )

    def _as_map(self, source: object) -> dict[Any, Any]:
        try:
            as_map = to_map(source)
        except Exception as error:  # noqa: BLE001 - a foreign mapping may raise anything.
            self._notices.tell(
                f"{self._title} failed",
                f"{self._title} cannot be taken from {shown(source)}: {error!r}; training goes on",
            )
            return {}
        if as_map is None:
            self._notices.tell(
                f"{self._title} source",
                f"{self._title} cannot be taken from {shown(source)}; give a dict, an argparse "
                "Namespace or a dataclass",
            )
        return as_map or {}


class SummaryMapping(RecordedMapping):
    """The summary of a run: what was set by hand wins over what its rows say."""

    def __init__(
        self, *, computed: Callable[[], Mapping[str, Any]], record: Record, notices: Notices
    ) -> None:
        super().__init__(title="summary", record=record, notices=notices)
        object.__setattr__(self, "_computed", computed)

    def _current(self) -> Mapping[str, Any]:
        return {**self._computed(), **self._values}


class Forward:
    """Stands for an object that is looked up anew at each use: the current run's config or summary."""

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

    def __contains__(self, key: object) -> bool:
        return key in self._find()

    def __iter__(self) -> Iterator[str]:
        return iter(self._find())

    def __len__(self) -> int:
        return len(self._find())

    def __eq__(self, other: object) -> bool:
        return bool(self._find() == other)

    __hash__ = None  # type: ignore[assignment] # It stands for different maps over time.

    def __repr__(self) -> str:
        return repr(self._find())
