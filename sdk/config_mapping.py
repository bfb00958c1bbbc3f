"""The hyper-parameters of a run: recorded at every change, in nested maps as well."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

from tidelog.datastore.disk import Disk
from tidelog.sdk.notices import Notices, shown
from tidelog.sdk.recorded_mapping import Record, RecordedMapping, record_nowhere

_ABSENT = object()


class Section(dict[str, Any]):
    """A map within a config: a dict with keys as attributes, whose changes are recorded as well."""

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        clean: Callable[[Mapping[str, Any]], dict[str, Any]],
        changed: Callable[[], None],
    ) -> None:
        object.__setattr__(self, "_clean", clean)
        object.__setattr__(self, "_changed", changed)
        super().__init__({key: self._sectioned(value) for key, value in values.items()})

    def update(self, *sources: Any, **values: Any) -> None:
        """Set several values at once; the others stay."""
        for key, value in self._clean(dict(*sources, **values)).items():
            super().__setitem__(key, self._sectioned(value))
        self._changed()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, which is set to `default` where it is not there yet."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a key and return its value."""
        value = super().pop(key, *default)
        self._changed()
        return value

    def clear(self) -> None:
        """Remove all keys."""
        super().clear()
        self._changed()

    def popitem(self) -> tuple[str, Any]:
        """Remove the last key and return it with its value."""
        item = super().popitem()
        self._changed()
        return item

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed()

    def __ior__(self, other: Any) -> "Section":  # type: ignore[override,misc] # Fewer forms.
        self.update(other)
        return self

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"config has no {name!r} here") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
        # A copy, also one in another process, is a plain dict: its changes are nobody's.
        return dict, (unsectioned(self),)

    def _sectioned(self, value: Any) -> Any:
        is_map = type(value) is dict
        return Section(value, clean=self._clean, changed=self._changed) if is_map else value


class Config(RecordedMapping):
    """`run.config`. A value may be changed; where nobody said that this is meant, it is told once."""

    _title = "config"

    def __init__(
        self,
        *,
        record: Record,
        notices: Notices,
        held: Mapping[str, Any] | None = None,
        allow_val_change: bool = False,
        disk: Disk | None = None,
    ) -> None:
        super().__init__(record=record, notices=notices, disk=disk)
        object.__setattr__(self, "_allow_val_change", allow_val_change)
        self._hold(dict(held or {}))

    @classmethod
    def of_nobody(cls, values: Mapping[str, Any]) -> Self:
        """Return one whose changes are recorded nowhere, so that none is told."""
        return cls(held=values, record=record_nowhere, notices=Notices(), allow_val_change=True)

    def update(self, *sources: Any, allow_val_change: bool | None = None, **values: Any) -> None:
        """Set several values: from a mapping, an argparse Namespace, a dataclass, a file, or by name.

        Maps within it replace those that are there; `config["model"].update(...)` keeps the rest.
        """
        values = {**self._merged(sources), **values}
        if not (self._allow_val_change if allow_val_change is None else allow_val_change):
            self._tell_changes(values)
        self._set(values)

    def as_dict(self) -> dict[str, Any]:
        """Return plain dicts of what is held."""
        return unsectioned(self._current())

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def _hold(self, values: dict[str, Any]) -> None:
        for key, value in values.items():
            self._values[key] = self._section(key, value) if type(value) is dict else value

    def _section(self, key: str, values: dict[str, Any]) -> Section:
        return Section(values, clean=self._cleaned, changed=partial(self._record_again, key))

    def _record_again(self, key: str) -> None:
        value = self._values[key]
        self._record({key: unsectioned(value) if isinstance(value, Section) else value})

    def _tell_changes(self, values: Mapping[Any, Any]) -> None:
        for key, value in values.items():
            before = self._values.get(key, _ABSENT)
            if before is not _ABSENT and not _is_equal(before, value):
                name, before, value = _first_change(str(key), before, value)
                self._notices.tell(
                    "config change",
                    f"config {shown(name)} was {_text(before)} and is now {_text(value)}, which is "
                    "recorded; pass allow_val_change=True where this is meant",
                )


def unsectioned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return plain dicts all the way down."""
    return {
        key: unsectioned(value) if isinstance(value, Section) else value for key, value in values.items()
    }


def _is_equal(before: Any, value: Any) -> bool:
    try:
        return bool(before == value) or (isinstance(value, tuple) and before == list(value))
    except Exception:  # noqa: BLE001 - arrays have no one truth, other foreign objects may raise anything.
        return True


def _first_change(name: str, before: Any, value: Any) -> tuple[str, Any, Any]:
    """Return what to tell of two values that differ: of maps, the first key with other values."""
    if isinstance(before, dict) and isinstance(value, dict):
        for key in {**before, **value}:
            ours, theirs = before.get(key, _ABSENT), value.get(key, _ABSENT)
            if not _is_equal(ours, theirs):
                return _first_change(f"{name}.{key}", ours, theirs)
    return name, before, value


def _text(value: Any) -> str:
    if isinstance(value, Section):
        return "a map"
    return "not there" if value is _ABSENT else shown(value)
