"""The nodes that there are at the moment, and the backends that work on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from benchmarks.simulation.faults import Dice, Fault
from loreli_ray.model import NodeView

_GROUP = 20


class Cluster:
    """Nodes go and come back; a backend's quota ends and is renewed. `patience` is in seconds: a node is away, and a
    quota is used up, for a few times that long."""

    def __init__(self, nodes: Sequence[NodeView], *, patience: float, dice: Dice) -> None:
        self.all = {node.id: node for node in nodes}
        self.happened = Counter[str]()
        self._dice = dice
        self._patience = patience
        self._backends = sorted({program.backend for node in nodes for program in node.programs})
        self._away: dict[str, float] = {}
        self._spent: dict[str, float] = {}

    def there(self) -> list[NodeView]:
        return [node for node in self.all.values() if node.id not in self._away]

    def spent(self, backend: str) -> bool:
        """Whether the backend's quota is used up."""
        return backend in self._spent

    def turn(self, now: float) -> list[str]:
        """What has changed by `now`: the nodes that are lost."""
        calm = self._dice.calm
        self._away = {node: until for node, until in self._away.items() if now < until and not calm}
        self._spent = {backend: until for backend, until in self._spent.items() if now < until and not calm}
        if self._dice.strikes(Fault.QUOTA, one_in=40):
            self.happened["quota used up"] += 1
            self._spent[self._backends[self._dice.number(len(self._backends))]] = now + 6 * self._patience
        lost = [node for node in self._unlucky() if node not in self._away]
        self._away |= dict.fromkeys(lost, now + 3 * self._patience)
        self.happened["node lost"] += len(lost)
        return lost

    def _unlucky(self) -> Iterator[str]:
        """A node out of each group of twenty may be lost."""
        nodes = list(self.all)
        for first in range(0, len(nodes), _GROUP):
            if self._dice.strikes(Fault.NODE, one_in=40):
                group = nodes[first : first + _GROUP]
                yield group[self._dice.number(len(group))]
