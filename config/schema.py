"""Writes the JSON Schema of config.yaml, from the classes that it is read into: `python -m config.schema`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import attrs

from config.markers import Between, Form, Meaning, NoEffect
from config.settings import Settings

_Schema = dict[str, Any]
_TYPES: Mapping[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}


def schema() -> _Schema:
    """The schema (2020-12) of config.yaml; stricter than the program, which warns of unknown keys."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "homeclimate: config.yaml",
        **_schema_of(Settings),
    }


def written() -> str:
    """The text of schema.json."""
    return json.dumps(schema(), indent=2) + "\n"


def _schema_of(due: Any) -> _Schema:
    origin, arguments = get_origin(due), get_args(due)
    if origin is Annotated:
        return {**_schema_of(arguments[0]), **_marks(arguments[1:])}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _schema_of(arguments[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _schema_of(arguments[1])}
    if type(None) in arguments:
        inner = _schema_of(next(arm for arm in arguments if arm is not type(None)))
        return {**inner, "type": [inner["type"], "null"]}
    if attrs.has(due):
        return _section(due)
    return {"type": _TYPES[due]}


def _section(due: Any) -> _Schema:
    fields = attrs.fields(attrs.resolve_types(due))
    required = [field.name for field in fields if field.default is attrs.NOTHING]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: {**_schema_of(field.type), **_default(field)} for field in fields},
        **({"required": required} if required else {}),
    }


def _default(field: Any) -> _Schema:
    # A section's default is that of its keys; an empty mapping or list goes without saying.
    if isinstance(field.default, attrs.Factory) or field.default in (attrs.NOTHING, ()):  # type: ignore[arg-type]
        return {}
    return {"default": str(field.default) if isinstance(field.default, Path) else field.default}


def _marks(markers: tuple[object, ...]) -> _Schema:
    marks: _Schema = {}
    for marker in markers:
        match marker:
            case Meaning(text):
                marks["description"] = text
            case Between(least=least, most=most):
                bounds = {"minimum": least, "maximum": most}
                marks |= {name: bound for name, bound in bounds.items() if abs(bound) != float("inf")}
            case Form(pattern=str(pattern)):
                marks["pattern"] = pattern
            case NoEffect():
                marks["deprecated"] = True
    return marks


if __name__ == "__main__":
    sys.stdout.write(written())
