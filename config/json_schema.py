"""Writes the JSON Schema of config.yaml, from the settings and the comments of default.yaml.

Run `python -m config.json_schema > config/schema.json` after a change of either.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs

from config.documents.problems import Report
from config.documents.yaml_document import parse
from config.files import packaged_path
from config.setting_types import Between, NoEffect, Rule, TextForm
from config.settings import Settings

_Schema = dict[str, Any]
_TYPES: Mapping[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}


def schema() -> _Schema:
    """Return the schema (2020-12). It is stricter than the program, which accepts unknown keys."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "homeclimate: config.yaml",
        **_section(Settings, "", dict(_comments())),
    }


def schema_text() -> str:
    """Return the text of schema.json: a line for each setting."""
    return "\n".join(_lines(schema(), "")) + "\n"


def _comments() -> Iterator[tuple[str, str]]:
    """Yield the path of each key in default.yaml with the comment on its line."""
    text = packaged_path("default.yaml").read_text(encoding="utf-8")
    document = parse(text, "default.yaml", Report())
    assert document is not None  # noqa: S101 - for the type checker
    lines = text.splitlines()
    for place in document.keys.values():
        yield place.path, lines[place.line - 1].partition(" # ")[2].strip()


def _section(due: type, path: str, comments: Mapping[str, str]) -> _Schema:
    properties, required = {}, []
    for field in attrs.fields(attrs.resolve_types(due)):
        inner = f"{path}.{field.name}" if path else field.name
        described = {"description": comments[inner]} if comments.get(inner) else {}
        properties[field.name] = {**_value(field.type, inner, comments), **described, **_default(field)}
        if field.default is attrs.NOTHING:
            required.append(field.name)
    section = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**section, "required": required} if required else section


def _value(due: Any, path: str, comments: Mapping[str, str]) -> _Schema:
    origin, arguments = get_origin(due), get_args(due)
    if origin is Annotated:
        schema = _value(arguments[0], path, comments)
        for rule in arguments[1:]:
            schema |= _rule(rule)
        return schema
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _value(arguments[0], path, comments)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _value(arguments[1], path, comments)}
    if type(None) in arguments:
        inner = _value(next(each for each in arguments if each is not type(None)), path, comments)
        return {**inner, "type": [inner["type"], "null"]}
    return _section(due, path, comments) if attrs.has(due) else {"type": _TYPES[due]}


def _rule(rule: Rule) -> _Schema:
    match rule:
        case Between(least=least, most=most):
            bounds = {"minimum": least, "maximum": most}
            return {name: bound for name, bound in bounds.items() if math.isfinite(bound)}
        case TextForm(pattern=pattern):
            return {"pattern": f"^{pattern}$"}
        case NoEffect(because=because, usual=()):
            return {"description": f"Without effect: {because}.", "deprecated": True}
    return {}


def _default(field: attrs.Attribute[Any]) -> _Schema:
    # A section's default is that of its keys, and an empty mapping or list needs no mention.
    if isinstance(field.default, attrs.Factory) or field.default in (attrs.NOTHING, ()):  # type: ignore[arg-type]
        return {}
    return {"default": str(field.default) if isinstance(field.default, Path) else field.default}


def _lines(value: _Schema, indent: str) -> Iterator[str]:
    """Yield the lines of an object that holds sections; what holds none is on one line."""
    yield "{"
    members = list(value.items())
    for name, inner in members:
        comma = "," if name != members[-1][0] else ""
        if isinstance(inner, dict) and (name == "properties" or "properties" in inner):
            first, *others = _lines(inner, f"{indent}  ")
            yield f"{indent}  {json.dumps(name)}: {first}"
            yield from others[:-1]
            yield f"{others[-1]}{comma}"
        else:
            yield f"{indent}  {json.dumps(name)}: {json.dumps(inner)}{comma}"
    yield f"{indent}}}"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
