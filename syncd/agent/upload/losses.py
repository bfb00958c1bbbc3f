"""What logs at home cannot give: damage that travels as it is, and tails that stay. No I/O."""

from dataclasses import dataclass, field

from tidelog.datastore.scan import Damage, TornTail
from tidelog.syncd.agent.task import Task
from tidelog.syncd.agent.upload.done import Done


@dataclass(slots=True)
class Losses:
    """The damaged places and the tails that the uploads have met so far."""

    damage: dict[Task, dict[int, Damage]] = field(default_factory=dict)
    tails: dict[Task, Damage | TornTail] = field(default_factory=dict)

    def note(self, task: Task, done: Done) -> None:
        """Take the outcome of one try into account."""
        if done.damage:
            self.damage.setdefault(task, {}).update({d.offset: d for d in done.damage})
        if done.tail is not None:
            self.tails[task] = done.tail
        elif not done.has_more:
            self.tails.pop(task, None)

    @property
    def damaged(self) -> list[tuple[Task, Damage]]:
        """Every damaged place, tails that are no mere cut included."""
        inner = [(task, d) for task, found in self.damage.items() for d in found.values()]
        tails = [(task, tail) for task, tail in self.tails.items() if isinstance(tail, Damage)]
        return inner + tails

    @property
    def torn(self) -> list[tuple[Task, TornTail]]:
        """Every unfinished last chunk."""
        return [(task, tail) for task, tail in self.tails.items() if isinstance(tail, TornTail)]
