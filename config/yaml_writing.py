"""Writes values as YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

Value = None | bool | str | Mapping[str, "Value"] | Sequence["Value"]

STEP = 2  # blanks by which what stands below something is indented


def block(value: Value, column: int) -> list[str]:
    """The value as lines of block style, from that column on."""
    if isinstance(value, Mapping):
        return [line for name, inner in value.items() for line in _member(name, inner, column)]
    blanks = " " * column
    lines = []
    for item in value if isinstance(value, list) else [value]:
        inner = block(item, 0) if isinstance(item, Mapping) else [flow(item)]
        lines += [f"{blanks}- {inner[0]}", *(f"{blanks}  {line}" for line in inner[1:])]
    return lines


def flow(value: Value) -> str:
    """The value on one line; what JSON writes, YAML reads."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return json.dumps(value)


def _member(name: str, value: Value, column: int) -> Iterator[str]:
    if value and isinstance(value, (Mapping, list)):
        yield f"{' ' * column}{name}:"
        yield from block(value, column + STEP)
    else:
        yield f"{' ' * column}{name}: {flow(value)}"
