"""RESULTS.md and results.json: every part with where it was measured. What a command left out stays."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.parts import PARTS

JSON, MARKDOWN = "results.json", "RESULTS.md"

Document = dict[str, Any]
"""Part -> `{machine: {fact: text}, rounds: int, results: [...]}`."""

INTRODUCTION = """\
# Beside its peers

`make bench` and `make bench-read` write this page. Ratios hold from machine to machine, absolute
numbers do not."""


def load(folder: Path) -> Document:
    """Return what earlier commands measured; {} where there is none, or none that we can read."""
    try:
        document = json.loads((folder / JSON).read_text())
    except (OSError, ValueError):
        return {}
    known = {part.name for part in PARTS}
    return {name: told for name, told in document.items() if name in known}


def save(folder: Path, document: Document) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON).write_text(json.dumps(document, indent=2) + "\n")
    (folder / MARKDOWN).write_text(markdown(document))


def markdown(document: Mapping[str, Any]) -> str:
    """Return the page."""
    sections, failures = [INTRODUCTION], []
    for part in PARTS:
        if part.name in document:
            told = document[part.name]
            results = [part.from_json(result) for result in told["results"]]
            sections.append(part.section(results, told["rounds"]))
            failures += [f"- **{r.name}**: {r.failure}" for r in results if r.failure]
    if failures:
        sections.append("## Not measured\n\n" + "\n".join(failures))
    sections.append(_where(document))
    return "\n\n".join(filter(None, sections)) + "\n"


def _where(document: Mapping[str, Any]) -> str:
    """Tell each machine once, with the parts that were measured there."""
    parts: dict[str, list[str]] = {}
    for part in PARTS:
        if part.name in document:
            machine = document[part.name]["machine"]
            facts = "\n".join(f"- {name}: {fact}" for name, fact in machine.items())
            parts.setdefault(facts, []).append(part.name)
    told = [f"{', '.join(names)}:\n\n{facts}" for facts, names in parts.items()]
    return "\n\n".join(["## Where", *told])
