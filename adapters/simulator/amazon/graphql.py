"""Answers GraphQL from plain values: picks out of them what was asked for, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import attrs

from adapters.simulator.amazon.pages import json_reply
from adapters.simulator.amazon.query import (
    Document,
    Field,
    Fragment,
    Operation,
    Selections,
    Spread,
    Variable,
)
from adapters.simulator.amazon.query_text import InvalidSyntax, parse
from adapters.simulator.reply import Json, Reply
from domain.values import frozen

Resolve = Callable[[Mapping[str, Json]], Json]


class Invalid(Exception):
    """The request is no valid one, for the reason that the message gives."""

    def __init__(self, message: str, classification: str = "ValidationError") -> None:
        super().__init__(message)
        self.classification = classification


@frozen(kw_only=True)
class _Asked:
    document: Document
    operation: Operation
    variables: Mapping[str, Json]

    @property
    def keys(self) -> Sequence[str]:
        """Under which names the reply holds what was asked for."""
        return [field.alias for field in _fields(self, self.operation.selections, "Query")]


def answer(body: bytes, resolvers: Mapping[str, Resolve]) -> Reply:
    """What the resolvers have of each asked field of the root. One operation, or a list of them."""
    return _for_each(body, lambda asked: {"data": _root(asked, resolvers)})


def failing(body: bytes, message: str, extensions: Mapping[str, Json]) -> Reply:
    """Status 200, an error for each asked field of the root, and null in its place."""

    def fail(asked: _Asked) -> dict[str, Json]:
        errors: list[Json] = [
            {"message": message, "locations": [], "path": [key], "extensions": dict(extensions)}
            for key in asked.keys
        ]
        return {"errors": errors, "data": dict.fromkeys(asked.keys)}

    return _for_each(body, fail)


def _for_each(body: bytes, handle: Callable[[_Asked], dict[str, Json]]) -> Reply:
    try:
        content = json.loads(body)
    except ValueError:
        return json_reply({"message": "Could not parse the request body."}, 400)
    if isinstance(content, list):
        return json_reply([_handled(item, handle) for item in content])
    return json_reply(_handled(content, handle))


def _handled(content: object, handle: Callable[[_Asked], dict[str, Json]]) -> dict[str, Json]:
    try:
        return handle(_asked(content))
    except Invalid as error:
        extensions: dict[str, Json] = {"classification": error.classification}
        return {"errors": [{"message": str(error), "locations": [], "extensions": extensions}]}


def _asked(content: object) -> _Asked:
    if not isinstance(content, dict) or not isinstance(content.get("query"), str):
        raise Invalid("Query is missing", "BadRequest")
    try:
        document = parse(content["query"])
    except InvalidSyntax as error:
        raise Invalid(str(error), "InvalidSyntax") from error
    operation = document.operation(content.get("operationName"))
    if operation is None:
        raise Invalid("Unknown operation, or one of several that is not named")
    variables = content.get("variables") or {}
    for name in operation.needs:
        if variables.get(name) is None:
            raise Invalid(f"Variable '{name}' has an invalid value: Variable '{name}' must not be null")
    return _Asked(document=document, operation=operation, variables=variables)


def _root(asked: _Asked, resolvers: Mapping[str, Resolve]) -> dict[str, Json]:
    root_type = asked.operation.kind.capitalize()
    found: dict[str, Json] = {}
    for field in _fields(asked, asked.operation.selections, root_type):
        if field.name == "__typename":
            found[field.alias] = root_type
            continue
        if field.name not in resolvers or root_type != "Query":
            raise Invalid(
                f"Validation error (FieldUndefined@[{field.name}]) : "
                f"Field '{field.name}' in type '{root_type}' is undefined"
            )
        arguments = cast("Mapping[str, Json]", _filled_in(field.arguments, asked.variables))
        found[field.alias] = _picked(asked, field, resolvers[field.name](arguments))
    return found


def _picked(asked: _Asked, field: Field, value: Json) -> Json:
    """What was asked for of a value. Objects without `__typename` are scalars, which come whole."""
    if isinstance(value, list):
        return [_picked(asked, field, item) for item in value]
    if not isinstance(value, dict):
        return value
    if field.selections is None:
        if "__typename" in value:
            raise Invalid(
                f"Validation error (SubselectionRequired@[{field.name}]) : Subselection required "
                f"for type '{value['__typename']}' of field '{field.name}'"
            )
        return value
    kind = str(value.get("__typename", ""))
    # A field that is not simulated is null, not an error: the real schema has more than is known of it.
    return {
        wanted.alias: _picked(asked, wanted, value.get(wanted.name))
        for wanted in _merged(_fields(asked, field.selections, kind))
    }


def _merged(fields: Sequence[Field]) -> Sequence[Field]:
    """The fields, with what several of them ask of the same put together."""
    merged: dict[str, Field] = {}
    for field in fields:
        earlier = merged.get(field.alias)
        if earlier is not None and earlier.selections is not None:
            field = attrs.evolve(field, selections=(*earlier.selections, *(field.selections or ())))  # noqa: PLW2901
        merged[field.alias] = field
    return list(merged.values())


def _fields(asked: _Asked, selections: Selections, kind: str) -> Sequence[Field]:
    """The fields that are asked of a value of that type."""
    fields: list[Field] = []
    for selection in selections:
        if not _is_included(asked, selection):
            continue
        if isinstance(selection, Field):
            fields.append(selection)
            continue
        fragment = _fragment(asked, selection)
        if fragment.type in ("", kind):
            fields.extend(_fields(asked, fragment.selections, kind))
    return fields


def _fragment(asked: _Asked, spread: Spread) -> Fragment:
    if not spread.fragment:
        return Fragment(type=spread.type, selections=spread.selections)
    if spread.fragment not in asked.document.fragments:
        raise Invalid(f"Validation error (UndefinedFragment) : Undefined fragment '{spread.fragment}'")
    return asked.document.fragments[spread.fragment]


def _is_included(asked: _Asked, selection: Field | Spread) -> bool:
    for name, wanted in (("include", True), ("skip", False)):
        directive = selection.directives.get(name)
        if directive is not None and bool(_filled_in(directive.get("if"), asked.variables)) is not wanted:
            return False
    return True


def _filled_in(value: object, variables: Mapping[str, Json]) -> Json:
    """The value with every variable replaced by what it stands for."""
    match value:
        case Variable(name):
            return variables.get(name)
        case dict():
            return {name: _filled_in(item, variables) for name, item in value.items()}
        case list():
            return [_filled_in(item, variables) for item in value]
    return cast("Json", value)
