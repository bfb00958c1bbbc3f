"""The summary of a run: what was set by hand wins over what its rows say."""

from collections.abc import Callable, Mapping
from typing import Any

from tidelog.sdk.notices import Notices
from tidelog.sdk.recorded_mapping import Record, RecordedMapping


class Summary(RecordedMapping):
    """`run.summary`; `held` was set by hand before."""

    _title = "summary"

    def __init__(
        self,
        *,
        record: Record,
        notices: Notices,
        computed: Callable[[], Mapping[str, Any]] = dict,
        held: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(record=record, notices=notices, held=held)
        object.__setattr__(self, "_computed", computed)

    def __delitem__(self, key: str) -> None:
        """Set a value to None, by hand: what was recorded stays, and is overruled."""
        self._set({key: None})

    def _current(self) -> Mapping[str, Any]:
        return {**self._computed(), **self._values}
