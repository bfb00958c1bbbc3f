"""What `define_metric()` was told, as the record that says it. Pure."""

from collections.abc import Mapping
from typing import Any

from tidelog.datastore.summary import AGGREGATES
from tidelog.sdk.notices import Fault, shown

GOALS = {"minimize": "minimize", "min": "minimize", "maximize": "maximize", "max": "maximize"}
WITHOUT_EFFECT = ("step_sync", "overwrite")
"""Arguments of wandb's that change its page alone; they are passed over in silence."""


def metric_definition(
    name: object,
    *,
    step_metric: object,
    summary: object,
    goal: object,
    hidden: object,
    unknown: Mapping[str, Any],
) -> tuple[dict[str, Any] | None, list[Fault]]:
    """Return the definition, None where `name` names nothing, and what of it could not be followed."""
    if not isinstance(name, str):
        text = f"define_metric({shown(name)}) was left out: the name is a string, such as 'loss'"
        return None, [Fault("metric name", text)]
    faults = [
        Fault(
            f"define_metric {argument}",
            f"define_metric({argument}=...) is not known and has no effect",
        )
        for argument in unknown
        if argument not in WITHOUT_EFFECT
    ]
    definition: dict[str, Any] = {}
    if step_metric is not None:
        definition["step_metric"] = str(step_metric)
    if summary is not None:
        aggregate = str(summary).split(",")[0].strip().replace("copy", "last")
        if aggregate not in AGGREGATES:
            aggregate = "last"
        if str(summary) not in (aggregate, "copy"):
            text = (
                f"define_metric({shown(name)}, summary={shown(summary)}): summary is one of "
                f"{', '.join(AGGREGATES)}; {aggregate!r} is used"
            )
            faults.append(Fault("metric summary", text))
        definition["summary"] = aggregate
    if goal is not None:
        if str(goal) in GOALS:
            definition["goal"] = GOALS[str(goal)]
        else:
            text = (
                f"define_metric({shown(name)}, goal={shown(goal)}): goal is minimize or maximize; it "
                "is left out"
            )
            faults.append(Fault("metric goal", text))
    if hidden:
        definition["hidden"] = True
    return definition, faults
