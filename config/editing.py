"""Changes single values of a YAML file, and leaves every other byte of it as it was."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType

import attrs
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from config.yaml_writing import STEP, Value, block, flow
from domain.errors import SettingsError
from domain.values import frozen

_Inner = MappingNode | SequenceNode


@frozen
class Change:
    """The value that shall stand at a path: names, and numbers of list items (the next one appends)."""

    path: tuple[str | int, ...]
    value: Value = attrs.field(repr=False)


def edited(text: str, changes: Sequence[Change], file: str) -> str:
    """The text with the changes made; comments, order and everything else as they were.

    Raises SettingsError where a change cannot be made without touching something else, as below an alias.
    """
    for change in changes:
        written = _without_carriage_returns(text)
        try:
            changed = _changed(written, change)
            is_right = _plain(_root(changed)) == _planned(_plain(_root(written)), change.path, change.value)
        except (YAMLError, ValueError):
            is_right = False
        if not is_right:
            path = ".".join(str(part) for part in change.path)
            raise SettingsError(f"{file}: {path} cannot be written where it stands; write it by hand")
        text = changed if written == text else changed.replace("\n", "\r\n")
    return text


def _without_carriage_returns(text: str) -> str:
    """The text with bare line feeds, where all its lines end with both; else as it is."""
    return text.replace("\r\n", "\n") if text.count("\n") == text.count("\r\n") else text


def _root(text: str) -> Node | None:
    root: Node | None = YAML().compose(text)
    return root


def _changed(text: str, change: Change) -> str:
    """The text with one change. Raises ValueError where the nodes do not lead to the path."""
    node, path = _root(text), change.path
    if node is None:
        return _with_lines(text, len(text), block({str(path[0]): _nested(path[1:], change.value)}, 0))
    for depth, part in enumerate(path):
        content = _nested(path[depth + 1 :], change.value)
        if not isinstance(node, (MappingNode, SequenceNode)):
            break
        found = _find(node, part)
        if found is None:
            return _with_member(text, node, part, content)
        parent, (key, node) = node, found
        if isinstance(node, ScalarNode) and (depth == len(path) - 1 or _is_nothing(node)):
            return _with_value(text, parent, key, node, content)
    raise ValueError("what stands at the path is no single value")


def _nested(path: Sequence[str | int], value: Value) -> Value:
    """The value under the rest of a path that is not there yet."""
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return value


def _find(node: _Inner, part: str | int) -> tuple[Node | None, Node] | None:
    """The member of that name or number, with its key."""
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(part, int):
        return (None, node.value[part]) if part < len(node.value) else None
    raise ValueError("the path does not fit")


def _with_value(text: str, parent: _Inner, key: Node | None, node: ScalarNode, content: Value) -> str:
    """The text with another value in place of a single one."""
    start = node.start_mark.index
    end = start + len(text[start : node.end_mark.index].rstrip())
    if start < end:
        return text[:start] + flow(content) + text[end:]
    if key is None:
        raise ValueError("an item that is empty")
    colon = text.index(":", key.end_mark.index) + 1
    if not parent.flow_style and not isinstance(content, (bool, str, NoneType)):
        return _with_lines(text, colon, block(content, key.start_mark.column + STEP))
    return f"{text[:colon]} {flow(content)}{text[colon:]}"


def _with_member(text: str, node: _Inner, part: str | int, content: Value) -> str:
    """The text with one more member at the end of a mapping or a list."""
    is_list = isinstance(node, SequenceNode)
    if node.flow_style:
        written = flow(content) if is_list else f"{part}: {flow(content)}"
        at = _end_of_last(text, node) if node.value else node.start_mark.index + 1
        return text[:at] + (", " if node.value else "") + written + text[at:]
    lines = block([content] if is_list else {str(part): content}, node.start_mark.column)
    return _with_lines(text, _end_of_last(text, node), lines)


def _end_of_last(text: str, node: _Inner) -> int:
    """Where the last value in the node ends; comments after it are not part of it."""
    if isinstance(node, SequenceNode):
        return _end(text, node.value[-1])
    key, value = node.value[-1]
    is_written_there = value.start_mark.index > key.start_mark.index  # an alias is not
    if not is_written_there or value.start_mark.index == value.end_mark.index:
        return text.index(":", key.end_mark.index) + 1
    return _end(text, value)


def _end(text: str, node: Node) -> int:
    if isinstance(node, (MappingNode, SequenceNode)) and not node.flow_style:
        return _end_of_last(text, node)
    end: int = node.end_mark.index
    return end


def _with_lines(text: str, at: int, lines: Sequence[str]) -> str:
    """The text with whole lines put in after the line in which `at` stands."""
    if at > 0 and text[at - 1] != "\n":
        line_end = text.find("\n", at)
        at = len(text) if line_end < 0 else line_end + 1
    before = text[:at]
    glue = "\n" if before and not before.endswith("\n") else ""
    return before + glue + "".join(f"{line}\n" for line in lines) + text[at:]


def _is_nothing(node: ScalarNode) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


_Plain = tuple[str, object]


def _plain(node: Node | None) -> _Plain:
    """What the nodes say, for comparison; a name that stands twice stays twice."""
    if node is None:
        return ("map", [])
    if isinstance(node, MappingNode):
        return ("map", [(_plain(key), _plain(value)) for key, value in node.value])
    if isinstance(node, SequenceNode):
        return ("seq", [_plain(item) for item in node.value])
    return (str(node.tag), node.value)


def _planned(plain: _Plain, path: Sequence[str | int], value: Value) -> _Plain:
    """What the nodes are to say after the change."""
    if not path:
        return _plain(_root(flow(value)))
    kind, members = plain
    part, rest = path[0], path[1:]
    if kind.endswith(":null"):
        kind, members = ("seq" if isinstance(part, int) else "map"), []
    if not isinstance(members, list):
        raise ValueError("the path does not fit")  # noqa: TRY004 - it is about the text, not about a type
    nothing: _Plain = ("tag:yaml.org,2002:null", "")
    members = list(members)
    if isinstance(part, int):
        items = members if part < len(members) else [*members, nothing]
        items[part] = _planned(items[part], rest, value)
        return ("seq", items)
    name: _Plain = ("tag:yaml.org,2002:str", part)
    place = next((at for at, (key, _) in enumerate(members) if key == name), None)
    if place is None:
        return ("map", [*members, (name, _planned(nothing, rest, value))])
    members[place] = (name, _planned(members[place][1], rest, value))
    return ("map", members)
