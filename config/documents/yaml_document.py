"""Reads YAML with PyYAML's parser, keeps the position of every value, and interprets none of them.

What a value means depends on the setting: `off` is a boolean where a boolean is due, and the name of a room
elsewhere. So PyYAML's resolver and constructor are not used.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import attrs
import yaml
from yaml.composer import Composer, ComposerError

from config.documents.problems import KeyPath, Place, Report, path_text

_PREFIX = "tag:yaml.org,2002:"
_PLAIN, _TEXT = "plain", f"{_PREFIX}str"
_PLAIN_TAGS = {_PLAIN, *(_PREFIX + name for name in ("int", "float", "bool", "null"))}
_SUPPORTED_TAGS = {*_PLAIN_TAGS, _TEXT, f"{_PREFIX}map", f"{_PREFIX}seq"}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MAX_DEPTH = 30  # a real file has 5 levels
_MAX_VALUES = 20_000  # with every alias expanded; a real file has a few hundred
_QUOTED = re.compile(r"""(['"]).{2,}\1""", re.DOTALL)
_BAD_CHARACTER = "contains a character that YAML does not allow"

Content = dict[str, "Content"] | list["Content"] | str | None


class Plain(str):
    """A value without quotes: it may be meant as a boolean or as a number."""

    __slots__ = ()


@attrs.frozen(kw_only=True)
class Document:
    """The content of a file, and the places of its keys and values by path."""

    content: Content = attrs.field(repr=False)
    keys: dict[KeyPath, Place] = attrs.field(factory=dict, repr=False)
    values: dict[KeyPath, Place] = attrs.field(repr=False)

    def place(self, path: KeyPath) -> Place:
        """Return where the value is; for a value that is missing, where its section is."""
        if path in self.values:
            return self.values[path]
        section, name = self.place(path[:-1]), path_text(path[-1:])
        return attrs.evolve(section, path=f"{section.path}.{name}" if section.path else name)


def overlay(base: Document, over: Document) -> Document:
    """Return the base with single keys replaced by those of the other document."""
    return Document(
        content=_merge(base.content, over.content),
        keys={**base.keys, **over.keys},
        values={**base.values, **over.values},
    )


def _merge(base: Content, over: Content) -> Content:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {
        **base,
        **{name: _merge(base[name], value) if name in base else value for name, value in over.items()},
    }


def parse(
    text: str,
    file: str,
    report: Report,
    *,
    sections: Collection[str] | None = None,
    public_names: Collection[str] | None = None,
    loader: Any = None,
) -> Document | None:
    """Return the only document of a file; None if it is not YAML, which the report then explains.

    With `sections`, problems in other sections are ignored. With `public_names`, messages hide all other
    names: one of them may be a secret in the wrong place.
    """
    unprintable = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if unprintable:
        before = text[: unprintable.start()].split("\n")
        place = Place(file=file, line=len(before), column=len(before[-1]) + 1)
        report.fatal(place, f"is not valid YAML: {_BAD_CHARACTER}")
        return None
    reader = _Reader(file, report, sections, public_names)
    try:
        root = (loader or _LOADER)(text).get_single_node()
        if root is None:
            return Document(content=None, values={(): Place(file=file)})
        content = reader.read(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file=file, line=mark.line + 1, column=mark.column + 1) if mark else Place(file=file)
        # The parser quotes the file, and what it quotes may be a secret.
        cause = _QUOTED.sub("...", ", ".join(part for part in (error.context, error.problem) if part))
        report.fatal(place, f"is not valid YAML: {cause}")
    except (yaml.YAMLError, ValueError, OverflowError):
        # PyYAML's scanner in Python lets chr() and int() fail on absurd escapes and directives.
        report.fatal(Place(file=file, line=1, column=1), f"is not valid YAML: {_BAD_CHARACTER}")
    else:
        return Document(content=content, keys=reader.keys, values=reader.values)
    return None


class _Limits:
    """Makes a composer refuse deep nesting and aliases that multiply, and tag plain values as such."""

    parser: Any
    peek_event: Any
    check_event: Any

    def __init__(self, text: str) -> None:
        self.parser.__init__(self, text)
        self.anchors: dict[str, Any] = {}
        self._depth = 0
        self._count = 0
        self._sizes: dict[int, int] = {}  # of the nodes composed so far, by their id

    def compose_node(self, parent: Any, index: Any) -> Any:
        mark = self.peek_event().start_mark
        is_alias = self.check_event(yaml.AliasEvent)
        count_before = self._count
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ComposerError(None, None, f"nested deeper than {_MAX_DEPTH} levels", mark)
        node = super().compose_node(parent, index)  # type: ignore[misc]
        self._depth -= 1
        if not is_alias:
            self._count += 1
            self._sizes[id(node)] = self._count - count_before
        elif id(node) in self._sizes:
            self._count += self._sizes[id(node)]
        else:
            raise ComposerError(None, None, "an alias (*) refers to the section that it is in", mark)
        if self._count > _MAX_VALUES:
            raise ComposerError(None, None, f"more than {_MAX_VALUES} values, aliases expanded", mark)
        return node

    def resolve(self, kind: Any, _value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            return _PLAIN if implicit[0] else _TEXT
        return _PREFIX + ("map" if kind is yaml.MappingNode else "seq")


def loader_with(parser: Any) -> Any:
    """Return a loader that composes nodes from the events of PyYAML's parser in C, or of that in Python."""
    bases = (_Limits, parser) if issubclass(parser, Composer) else (_Limits, Composer, parser)
    return type("Loader", bases, {"parser": parser})


_LOADER = loader_with(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@attrs.frozen
class _Reader:
    """Turns the nodes of one document into content, and records where they are."""

    file: str
    report: Report
    sections: Collection[str] | None
    public_names: Collection[str] | None
    keys: dict[KeyPath, Place] = attrs.field(factory=dict)
    values: dict[KeyPath, Place] = attrs.field(factory=dict)

    def read(self, node: Any, path: KeyPath) -> Content:
        self.values[path] = self._place(node, path)
        if node.tag not in _SUPPORTED_TAGS:
            self._fatal(node, path, "has a tag (!), which is not supported; remove it")
        if isinstance(node, yaml.MappingNode):
            return self._read_mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
        if node.tag == _TEXT:
            return str(node.value)
        return None if node.value in _NULLS else Plain(node.value)

    def _read_mapping(self, node: Any, path: KeyPath) -> dict[str, Content]:
        content: dict[str, Content] = {}
        members: list[Any] = []
        merged: list[Any] = []
        for key, value in node.value:
            (merged if key.tag == _PLAIN and key.value == "<<" else members).append((key, value))
        for _, value in merged:  # of a list the first wins, and the section's own keys win over all
            for source in reversed(value.value if isinstance(value, yaml.SequenceNode) else [value]):
                if isinstance(source, yaml.MappingNode):
                    content |= self._read_mapping(source, path)
                else:
                    self._fatal(source, path, "a merge key (<<) needs a section, or a list of sections")
        lines: dict[str, int] = {}
        for key, value in members:
            if not isinstance(key, yaml.ScalarNode) or not key.value:
                self._fatal(key, path, "a key must be a name, not a list, a section, or empty")
                continue
            name, inner = key.value, (*path, key.value)
            if name in lines:
                self._fatal(key, inner, f"appears twice, here and in line {lines[name]}; remove one")
            lines[name] = key.start_mark.line + 1
            self.keys[inner] = self._place(key, inner)
            content[name] = self.read(value, inner)
        return content

    def _place(self, node: Any, path: KeyPath) -> Place:
        names = self.public_names
        if names is not None:
            path = tuple(part if isinstance(part, int) or part in names else "?" for part in path)
        mark = node.start_mark
        return Place(file=self.file, line=mark.line + 1, column=mark.column + 1, path=path_text(path))

    def _fatal(self, node: Any, path: KeyPath, message: str) -> None:
        if self.sections is None or not path or path[0] in self.sections:
            self.report.fatal(self._place(node, path), message)
