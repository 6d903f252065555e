"""Reads YAML into nodes, within bounds, and without its surprises."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import yaml

from config.faults import Misfit, Place, Report
from config.yaml_nodes import Items, Node, Scalar, Table
from config.yaml_scalars import kind_of_plain

_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DEEPEST = 30  # levels; a real file has 5
_MOST_NODES = 20_000  # after every alias is written out; a real file has a few hundred
_CORE = "tag:yaml.org,2002:"
_CORE_TAGS = frozenset(
    {None, "!"} | {_CORE + name for name in ("str", "int", "float", "bool", "null", "map", "seq")}
)
_MERGE = "<<"
_HIDDEN = "?"  # stands for the name of a key that may be a secret put in the wrong place
_QUOTED = re.compile(r"""(['"]).{2,}\1""", re.DOTALL)
_UNREADABLE = "holds a character that YAML does not allow"
Shown = Callable[[str], bool]


def parse(
    text: str, file: str, report: Report, *, shown: Shown = lambda _name: True, loader: Any = _FAST
) -> Node | None:
    """The only document of a file; None when it is no YAML, and then the report has a fault.

    `shown` says whether a key may be named in messages; those of a file of secrets may not, unless they are
    known. `loader` is PyYAML's scanner and parser; its resolver and constructor are not used.
    """
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        line, column = _position(text, unprintable.start())
        report.fault(Place(file=file, line=line, column=column), f"not YAML: {_UNREADABLE}")
        return None
    try:
        return _Reader(file, report, shown).document(yaml.parse(text, Loader=loader))
    except Misfit as misfit:
        report.fault(misfit.place, misfit.message)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = _QUOTED.sub("...", ", ".join(part for part in (error.problem, error.context) if part))
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        report.fault(Place(file=file, line=line, column=column), f"not YAML: {problem}")
    except (yaml.YAMLError, ValueError, OverflowError):
        # The scanner in Python lets chr() and int() fail on absurd escapes and directives.
        report.fault(Place(file=file, line=1, column=1), f"not YAML: {_UNREADABLE}")
    return None


def _whole(place: Place) -> Place:
    """The place as one of the file as a whole: what cannot be read there leaves nothing of the file."""
    return attrs.evolve(place, path="")


def _position(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset].split("\n")
    return len(before), len(before[-1]) + 1


class _Reader:
    """Builds the nodes of one document from the parser's events."""

    def __init__(self, file: str, report: Report, shown: Shown) -> None:
        self._file = file
        self._report = report
        self._shown = shown
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def document(self, events: Iterator[Any]) -> Node:
        next(events)  # the stream begins
        if isinstance(next(events), yaml.StreamEndEvent):
            return Scalar(place=Place(file=self._file), text="", kind="nothing")
        root = self._node(next(events), events, "", 0)
        next(events)  # the document ends
        after = next(events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise Misfit(self._place(after, ""), "a second document begins here; a file holds one")
        return root

    def _node(self, event: Any, events: Iterator[Any], path: str, depth: int) -> Node:
        place = self._place(event, path)
        self._bound(place, depth)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise Misfit(_whole(place), "an alias (*) for an anchor (&) that is not defined before it")
            return self._copy(self._anchors[event.anchor], place, depth)
        if event.tag not in _CORE_TAGS:
            self._report.fault(place, "has a tag (!), which is not supported")
        node = self._untagged(event, events, place, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _untagged(self, event: Any, events: Iterator[Any], place: Place, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            is_text = event.tag in ("!", _CORE + "str") or (event.tag is None and not event.implicit[0])
            return Scalar(
                place=place, text=event.value, kind="text" if is_text else kind_of_plain(event.value)
            )
        if isinstance(event, yaml.MappingStartEvent):
            return self._table(events, place, depth)
        items = Items(place)
        while not isinstance(inner := next(events), yaml.SequenceEndEvent):
            items.append(self._node(inner, events, place.below(len(items)), depth + 1))
        return items

    def _table(self, events: Iterator[Any], place: Place, depth: int) -> Table:
        table = Table(place)
        merged: list[Node] = []
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            name = self._name(event, events, place, depth)
            key_place = self._place(event, place.below(name if self._shown(name) else _HIDDEN))
            is_merge = name == _MERGE and isinstance(event, yaml.ScalarEvent) and event.implicit[0]
            value = self._node(next(events), events, place.path if is_merge else key_place.path, depth + 1)
            if is_merge:
                merged.append(value)
            elif name in table:
                before = table.key_places[name].line
                self._report.fault(key_place, f"stands twice, here and in line {before}; remove one")
            else:
                table.put(name, key_place, value)
        for node in merged:
            self._merge(node, table, depth)
        return table

    def _name(self, event: Any, events: Iterator[Any], place: Place, depth: int) -> str:
        node = self._node(event, events, place.path, depth + 1)
        if isinstance(node, Scalar) and node.text:
            return node.text
        self._report.fault(node.place, "a key needs a name; a list or a section is none")
        return ""

    def _copy(self, node: Node, place: Place, depth: int) -> Node:
        """The node as if it stood under the path of the alias; it keeps its own line."""
        self._bound(place, depth)
        own = attrs.evolve(node.place, path=place.path)
        if isinstance(node, Scalar):
            return attrs.evolve(node, place=own)
        if isinstance(node, Items):
            paths = (attrs.evolve(own, path=own.below(number)) for number in range(len(node)))
            return Items(
                own, [self._copy(inner, at, depth + 1) for inner, at in zip(node, paths, strict=True)]
            )
        table = Table(own)
        for name, inner in node.items():
            path = own.below(name if self._shown(name) else _HIDDEN)
            key_place = attrs.evolve(node.key_places[name], path=path)
            table.put(name, key_place, self._copy(inner, key_place, depth + 1))
        return table

    def _bound(self, place: Place, depth: int) -> None:
        self._count += 1
        if depth > _DEEPEST:
            raise Misfit(_whole(place), f"nested deeper than {_DEEPEST} levels")
        if self._count > _MOST_NODES:
            raise Misfit(_whole(place), f"more than {_MOST_NODES} values, aliases written out")

    def _place(self, event: Any, path: str) -> Place:
        mark = event.start_mark
        return Place(file=self._file, line=mark.line + 1, column=mark.column + 1, path=path)

    def _merge(self, node: Node, table: Table, depth: int) -> None:
        """Give the table the keys of another one that it does not have itself (YAML 1.1's `<<`)."""
        if isinstance(node, Items):
            for inner in node:
                self._merge(self._copy(inner, table.place, depth), table, depth)
        elif isinstance(node, Table):
            for name, value in node.items():
                if name not in table:
                    table.put(name, node.key_places[name], value)
        else:
            self._report.fault(node.place, "a merge key (<<) takes a section, or a list of sections")
