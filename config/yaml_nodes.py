"""What a YAML file holds, as nodes that know where they stand and leave their type open."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from config.faults import Place
from config.yaml_scalars import Kind
from domain.values import frozen


@frozen(kw_only=True)
class Scalar:
    """One value as it is written; in quotes, its kind is "text" whatever stands between them."""

    place: Place
    text: str = attrs.field(repr=False)
    kind: Kind


class Table(dict[str, "Node"]):
    """A mapping; `key_places` says where each of its keys stands."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.key_places: dict[str, Place] = {}

    def put(self, name: str, place: Place, node: Node) -> None:
        self[name] = node
        self.key_places[name] = place

    def place_of(self, name: str) -> Place:
        """Where the key stands; where it would stand, for a key that is not there."""
        return self.key_places.get(name) or attrs.evolve(self.place, path=self.place.below(name))


class Items(list["Node"]):
    """A list."""

    def __init__(self, place: Place, nodes: Iterable[Node] = ()) -> None:
        super().__init__(nodes)
        self.place = place


Node = Scalar | Table | Items


def overlaid(base: Node, over: Node) -> Node:
    """The base with single keys changed by the overlay; what is no mapping in both is replaced."""
    if not (isinstance(base, Table) and isinstance(over, Table)):
        return over
    result = Table(base.place)
    for name, node in base.items():
        result.put(name, base.key_places[name], node)
    for name, node in over.items():
        result.put(name, over.key_places[name], overlaid(base[name], node) if name in base else node)
    return result
