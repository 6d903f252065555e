"""Changes single values of a YAML file at their positions, and leaves every other byte as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType

import attrs
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from domain.errors import SettingsError

Value = None | bool | str | Mapping[str, "Value"] | Sequence["Value"]
_Inner = MappingNode | SequenceNode
_Path = tuple[str | int, ...]
_INDENT = 2


@attrs.frozen
class Change:
    """A value to write at a path of names and list indices; the index after the last one appends."""

    path: _Path
    value: Value = attrs.field(repr=False)


def edited(text: str, changes: Sequence[Change], file: str) -> str:
    """Return the text with the changes; comments, order and everything else stay as they were.

    Raise SettingsError if a change would touch something else, as below an alias.
    """
    for change in changes:
        # Only a file whose lines all end with CR LF is edited without them, and gets them back.
        has_crlf = text.count("\n") == text.count("\r\n")
        before = text.replace("\r\n", "\n") if has_crlf else text
        try:
            after = _with_change(before, change)
            is_right = _is_only_change(_root(before), _root(after), change)
        except (YAMLError, ValueError):
            is_right = False
        if not is_right:
            path = ".".join(map(str, change.path))
            raise SettingsError(f"{file}: {path} cannot be changed alone. Write it by hand.")
        text = after.replace("\n", "\r\n") if before != text else after
    return text


def _root(text: str) -> Node | None:
    root: Node | None = YAML().compose(text)
    return root


def _with_change(text: str, change: Change) -> str:
    """Return the text with one change. Raise ValueError if the nodes do not lead to the path."""
    node, path = _root(text), change.path
    if node is None:
        return _with_lines(text, len(text), _block({str(path[0]): _nested(path[1:], change.value)}, 0))
    for depth, part in enumerate(path):
        content = _nested(path[depth + 1 :], change.value)
        if not isinstance(node, (MappingNode, SequenceNode)):
            break
        found = _find(node, part)
        if found is None:
            return _with_member(text, node, part, content)
        parent, (key, node) = node, found
        if isinstance(node, ScalarNode) and (depth == len(path) - 1 or _is_null(node)):
            return _with_value(text, parent, key, node, content)
    raise ValueError("the path does not lead to a single value")


def _nested(path: _Path, value: Value) -> Value:
    """Return the value below the rest of a path that does not exist yet."""
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return value


def _find(node: _Inner, part: str | int) -> tuple[Node | None, Node] | None:
    """Return the member with that name or index, and its key."""
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(part, int):
        return (None, node.value[part]) if part < len(node.value) else None
    raise ValueError("the path does not fit the file")


def _with_value(text: str, parent: _Inner, key: Node | None, node: ScalarNode, content: Value) -> str:
    """Return the text with another value in place of a scalar."""
    start = node.start_mark.index
    end = start + len(text[start : node.end_mark.index].rstrip())
    if start < end:
        return text[:start] + _flow(content) + text[end:]
    if key is None:
        raise ValueError("an empty list item has no position")
    colon = text.index(":", key.end_mark.index) + 1
    if not parent.flow_style and not isinstance(content, (bool, str, NoneType)):
        return _with_lines(text, colon, _block(content, key.start_mark.column + _INDENT))
    return f"{text[:colon]} {_flow(content)}{text[colon:]}"


def _with_member(text: str, node: _Inner, part: str | int, content: Value) -> str:
    """Return the text with another member at the end of a mapping or a list."""
    is_list = isinstance(node, SequenceNode)
    if node.flow_style:
        member = _flow(content) if is_list else f"{part}: {_flow(content)}"
        at = _end_of_last(text, node) if node.value else node.start_mark.index + 1
        return text[:at] + (", " if node.value else "") + member + text[at:]
    lines = _block([content] if is_list else {str(part): content}, node.start_mark.column)
    return _with_lines(text, _end_of_last(text, node), lines)


def _end_of_last(text: str, node: _Inner) -> int:
    """Return where the last value in the node ends; comments after it are not part of it."""
    key, value = (None, node.value[-1]) if isinstance(node, SequenceNode) else node.value[-1]
    if key is not None:
        is_alias = value.start_mark.index <= key.start_mark.index
        if is_alias or value.start_mark.index == value.end_mark.index:
            return text.index(":", key.end_mark.index) + 1
    if isinstance(value, (MappingNode, SequenceNode)) and not value.flow_style:
        return _end_of_last(text, value)
    end: int = value.end_mark.index
    return end


def _with_lines(text: str, at: int, lines: Sequence[str]) -> str:
    """Return the text with whole lines inserted after the line that contains `at`."""
    if at > 0 and text[at - 1] != "\n":
        line_end = text.find("\n", at)
        at = len(text) if line_end < 0 else line_end + 1
    before = text[:at]
    newline = "\n" if before and not before.endswith("\n") else ""
    return before + newline + "".join(f"{line}\n" for line in lines) + text[at:]


def _block(value: Value, column: int) -> list[str]:
    """Return the value as lines of block style, indented to the column."""
    blanks, lines = " " * column, []
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if inner and isinstance(inner, (Mapping, list)):
                lines += [f"{blanks}{name}:", *_block(inner, column + _INDENT)]
            else:
                lines.append(f"{blanks}{name}: {_flow(inner)}")
        return lines
    for item in value if isinstance(value, list) else [value]:
        first, *others = _block(item, 0) if isinstance(item, Mapping) else [_flow(item)]
        lines += [f"{blanks}- {first}", *(f"{blanks}  {line}" for line in others)]
    return lines


def _flow(value: Value) -> str:
    """Return the value on one line; YAML reads what JSON writes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value)


def _is_null(node: ScalarNode) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


_Leaf = tuple[_Path, str, str]


def _is_only_change(before: Node | None, after: Node | None, change: Change) -> bool:
    """Return whether the value is at its path afterwards, and all other values are what they were."""
    length = len(change.path)
    value = [((*change.path, *path), tag, text) for path, tag, text in _leaves(_root(_flow(change.value)))]

    def others(root: Node | None) -> list[_Leaf]:
        # An empty parent of the value is not among them: it has a member now.
        return [leaf for leaf in _leaves(root) if leaf[0][:length] != change.path[: len(leaf[0])]]

    written = [leaf for leaf in _leaves(after) if leaf[0][:length] == change.path]
    return written == value and others(after) == others(before)


def _leaves(node: Node | None, path: _Path = ()) -> Iterator[_Leaf]:
    """Yield the path, the tag and the text of each value, empty mappings and lists included."""
    if isinstance(node, MappingNode) and node.value:
        for key, value in node.value:
            name = key.value if isinstance(key, ScalarNode) else str(list(_leaves(key)))
            yield from _leaves(value, (*path, name))
    elif isinstance(node, SequenceNode) and node.value:
        for index, item in enumerate(node.value):
            yield from _leaves(item, (*path, index))
    elif node is not None:
        yield path, str(node.tag), node.value or ""
