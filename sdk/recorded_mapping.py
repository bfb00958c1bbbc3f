"""A mapping with keys as attributes whose every change is recorded at once."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Self

from tidelog.datastore.disk import Disk
from tidelog.sdk.as_map import as_map
from tidelog.sdk.config_file import ConfigFileError, read_config_file
from tidelog.sdk.config_values import clean_map
from tidelog.sdk.notices import Notices, shown

Record = Callable[[dict[str, Any]], None]


class RecordedMapping(Mapping[str, Any]):
    """What `run.config` and `run.summary` are; nothing that is set here raises.

    Values that no record can hold are kept as text, which is told once. A list that is changed in place
    is not noticed: assign it again. A copy, also one in another process, is nobody's.
    """

    _title: ClassVar[str]

    def __init__(
        self,
        *,
        record: Record,
        notices: Notices,
        held: Mapping[str, Any] | None = None,
        disk: Disk | None = None,
    ) -> None:
        object.__setattr__(self, "_record", record)
        object.__setattr__(self, "_notices", notices)
        object.__setattr__(self, "_disk", disk or Disk())
        object.__setattr__(self, "_values", dict(held or {}))

    @classmethod
    def of_nobody(cls, values: Mapping[str, Any]) -> Self:
        """Return one whose changes are recorded nowhere."""
        return cls(held=values, record=record_nowhere, notices=Notices())

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Self], tuple[dict[str, Any]]]:
        return self.of_nobody, (self.as_dict(),)

    def update(self, *sources: Any, **values: Any) -> None:
        """Set several values: from mappings, objects with named fields, files of these, or by name."""
        self._set({**self._merged(sources), **values})

    def setdefaults(self, values: object) -> None:
        """Set the values whose keys are not there yet."""
        held = self._current()
        self._set({k: v for k, v in self._as_map(values).items() if k not in held})

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, which is set to `default` where it is not there yet."""
        if key not in self:
            self._set({key: default})
        return self.get(key)

    def as_dict(self) -> dict[str, Any]:
        """Return a plain dict of what is held."""
        return dict(self._current())

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

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    __hash__ = None  # type: ignore[assignment] # Two maps are equal by what they hold.

    def __repr__(self) -> str:
        return f"{self._title}({self.as_dict()!r})"

    def _current(self) -> Mapping[str, Any]:
        return self._values  # type: ignore[no-any-return] # Set past our own __setattr__.

    def _hold(self, values: dict[str, Any]) -> None:
        """Keep values that are recorded next."""
        self._values.update(values)

    def _set(self, values: Mapping[Any, Any]) -> None:
        try:
            cleaned = self._cleaned(values)
            if cleaned:
                self._hold(cleaned)
                self._record(cleaned)
        except Exception as error:  # noqa: BLE001 - a foreign mapping may raise anything.
            self._notices.tell(
                f"{self._title} failed", f"{self._title} could not be set: {error!r}; training goes on"
            )

    def _cleaned(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """Return values as a record holds them; what had to become text is told."""
        cleaned, faults = clean_map(values)
        for fault in faults:
            self._notices.tell(f"{self._title} {fault.kind}", f"{self._title}: {fault.text}")
        return cleaned

    def _merged(self, sources: tuple[object, ...]) -> dict[Any, Any]:
        merged: dict[Any, Any] = {}
        for source in sources:
            merged.update(self._as_map(source))
        return merged

    def _as_map(self, source: object) -> dict[Any, Any]:
        try:
            mapping = read_config_file(source, disk=self._disk)
            if mapping is None:
                mapping = as_map(source)
        except ConfigFileError as error:
            self._notices.tell(f"{self._title} source", f"{self._title} is not set: {error}")
            return {}
        except Exception as error:  # noqa: BLE001 - a foreign mapping may raise anything.
            self._notices.tell(
                f"{self._title} failed",
                f"{self._title} cannot be taken from {shown(source)}: {error!r}; training goes on",
            )
            return {}
        if mapping is None:
            self._notices.tell(
                f"{self._title} source",
                f"{self._title} cannot be taken from {shown(source)}; give a dict, an argparse "
                "Namespace, a dataclass, or the path of a JSON, TOML or YAML file",
            )
        return mapping or {}


def record_nowhere(_values: dict[str, Any]) -> None:
    """Forget what is set in a copy."""
