"""The summary of a run: computed from its rows, overruled by what was set by hand. No I/O.

Writer and reader share it: the writer puts its state into every checkpoint, the reader goes on from
there, so that a damaged row does not change what came after it.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

AGGREGATES = ("min", "max", "mean", "best", "first", "last", "none")
"""What `define_metric(summary=...)` may ask for; `best` is `max` or `min` by the metric's goal."""

PATTERNS_MAX = 64
"""Each name is compared with each pattern once; patterns beyond these are left out."""


class Summary:
    """The value of each key that stands for the whole run; by default the last one logged."""

    def __init__(self) -> None:
        self._last: dict[str, Any] = {}
        self._by_hand: dict[str, Any] = {}
        # What was logged last, where a rule makes something else of it.
        self._latest: dict[str, Any] = {}
        self._means: dict[str, tuple[int, float]] = {}
        self._rules: dict[str, str] = {}
        # Each pattern, the longest of its parts, and all of them.
        self._patterns: list[tuple[str, str, list[str]]] = []
        # Key -> the name or pattern whose rule it follows, None for neither.
        self._followed: dict[str, str | None] = {}

    @property
    def has_rules(self) -> bool:
        """Whether some metric's summary is anything but the last value, so that every row counts."""
        return bool(self._rules)

    def define(self, name: str, definition: Mapping[str, Any]) -> None:
        """Follow a metric record: `name` may hold `*`, `definition["summary"]` is one of AGGREGATES."""
        aggregate = definition.get("summary")
        if aggregate == "best":
            aggregate = "min" if definition.get("goal") == "minimize" else "max"
        # "last" is kept as well: it may be the exception from a pattern.
        self._set_rule(name, aggregate if aggregate in AGGREGATES else "last")

    def follow_rules_of(self, other: "Summary") -> None:
        """Take over the metric definitions of another summary; later ones win."""
        for name, rule in other._rules.items():
            self._set_rule(name, rule)

    def observe(self, data: Mapping[str, Any]) -> None:
        """Take one row into account."""
        if not self._rules:
            self._last.update(data)
            return
        self._latest.update(data)
        for key, value in data.items():
            rule = self._rule_of(key)
            if rule == "last":
                self._last[key] = value
            elif rule != "none":
                self._aggregate(rule, key, value)

    def set_by_hand(self, values: Mapping[str, Any]) -> None:
        """Let `values` win over whatever is computed for these keys."""
        self._by_hand.update(values)

    def values(self) -> dict[str, Any]:
        """Return key -> value."""
        return {**self._last, **self._by_hand}

    def latest(self) -> dict[str, Any]:
        """Return key -> the last value that was logged since this process began, else as `values()`."""
        return {**self._by_hand, **self._last, **self._latest}

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds: `summary`, and what it takes to go on from there."""
        state: dict[str, Any] = {"summary": self._last}
        if self._by_hand:
            state["set_by_hand"] = self._by_hand
        if self._means:
            state["means"] = {key: list(mean) for key, mean in self._means.items()}
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's state; anything in it of the wrong type is left out."""
        self._last = dict(_map(state.get("summary")))
        self._by_hand = dict(_map(state.get("set_by_hand")))
        self._means = {
            key: (mean[0], mean[1])
            for key, mean in _map(state.get("means")).items()
            if isinstance(mean, list) and len(mean) == 2 and all(map(_is_number, mean)) and mean[0] > 0
        }

    def combined(self, later: Iterable["Summary"]) -> "Summary":
        """Return the summary of this log and of the `later` logs of the same run, in order."""
        whole = Summary()
        whole.follow_rules_of(self)
        whole.restore(self.state())
        for summary in later:
            whole.follow_rules_of(summary)
            if not whole.has_rules:
                whole._last.update(summary._last)
                whole._by_hand.update(summary._by_hand)
                continue
            for key, value in summary._last.items():
                if whole._rule_of(key) == "mean" and key in summary._means:
                    whole._add_mean(key, *summary._means[key])
                else:
                    whole.observe({key: value})
            whole._by_hand.update(summary._by_hand)
        return whole

    def _set_rule(self, name: str, rule: str) -> None:
        """Set the rule of a name or a pattern; of the patterns that a key has the first one holds."""
        if "*" in name and name not in self._rules and len(self._patterns) < PATTERNS_MAX:
            parts = name.split("*")
            self._patterns.append((name, max(parts, key=len), parts))
            for key, followed in self._followed.items():
                if followed is None and _has_form(key, parts):
                    self._followed[key] = name
        self._rules[name] = rule
        self._followed.pop(name, None)

    def _rule_of(self, key: str) -> str:
        try:
            followed = self._followed[key]
        except KeyError:
            followed = self._followed[key] = self._find(key)
        return "last" if followed is None else self._rules[followed]

    def _find(self, key: str) -> str | None:
        if key in self._rules:
            return key
        for pattern, longest, parts in self._patterns:
            if longest in key and _has_form(key, parts):
                return pattern
        return None

    def _aggregate(self, rule: str, key: str, value: Any) -> None:
        if rule == "first" or not _is_number(value) or math.isnan(value):
            self._last.setdefault(key, value)
        elif rule == "mean":
            self._add_mean(key, 1, value)
        else:
            held = self._last.get(key, math.nan)
            if _is_number(held) and not math.isnan(held):
                value = min(held, value) if rule == "min" else max(held, value)
            self._last[key] = value

    def _add_mean(self, key: str, count: int, total: float) -> None:
        held_count, held_total = self._means.get(key, (0, 0.0))
        count, total = held_count + count, held_total + total
        self._means[key] = (count, total)
        self._last[key] = total / count


def _has_form(key: str, pattern: list[str]) -> bool:
    """Tell whether `key` is the parts of `pattern` with something between each two of them.

    Each part is taken where it first fits, so that no pattern takes more than linear time.
    """
    first, *parts, last = pattern
    end = len(key) - len(last)
    if not key.startswith(first) or not key.endswith(last) or len(first) > end:
        return False
    at = len(first)
    for part in parts:
        at = key.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _map(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        return {}
    return {key: each for key, each in value.items() if isinstance(key, str)}
