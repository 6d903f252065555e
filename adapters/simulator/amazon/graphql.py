"""GraphQL of the Alexa service: graphql-core executes queries against `schema.graphql`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import attrs
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSyntaxError,
    Node,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from adapters.simulator.amazon.replies import json_reply
from adapters.simulator.messages import Json, Reply
from adapters.simulator.templates import encode, load

_FOLDER = Path(__file__).parent
_SCHEMA = build_schema((_FOLDER / "schema.graphql").read_text("utf-8"))
# What graphql-core reports, and how the service, which runs graphql-java, calls and words it.
_REJECTIONS = load(_FOLDER, "rejections.json")
_MISSING_VARIABLE = re.compile(r"Variable '\$(\w+)' has invalid value: Expected a value of non-null type")


class InvalidRequest(Exception):
    """The service rejects a request; `errors` are those of its reply."""

    def __init__(self, errors: Sequence[Json]) -> None:
        super().__init__(errors)
        self.errors = list(errors)


@attrs.frozen(kw_only=True)
class Operation:
    """A valid request: its query and what it runs with."""

    query: str
    name: str | None
    variables: str  # encoded

    def execute(self, endpoints: Sequence[Mapping[str, Any]]) -> str:
        """Return the encoded reply over these endpoints. Raise InvalidRequest."""
        return encode({"data": self._run(_root(endpoints))})

    def fail(self, message: str, extensions: Mapping[str, Json]) -> str:
        """Return the encoded reply with an error for each root field, and null in its place."""
        data = self._run({})
        errors = [
            {"message": message, "locations": [], "path": [key], "extensions": dict(extensions)}
            for key in data
        ]
        return encode({"errors": errors, "data": data})

    def _run(self, root: Mapping[str, Any]) -> dict[str, Any]:
        result = execute_sync(
            _SCHEMA,
            _document(self.query),
            root,
            variable_values=json.loads(self.variables),
            operation_name=self.name,
        )
        if result.data is None:
            raise InvalidRequest([_error(_word_variable(error.message)) for error in result.errors or ()])
        return result.data


def answer(body: bytes, run: Callable[[Operation], str]) -> Reply:
    """Answer one request, or a list of them, with what `run` encodes."""
    try:
        content = json.loads(body)
    except ValueError:
        return json_reply({"message": "Could not parse the request body."}, 400)
    if isinstance(content, list):
        return json_reply(f"[{','.join(_answer_one(item, run) for item in content)}]")
    return json_reply(_answer_one(content, run))


def _answer_one(content: object, run: Callable[[Operation], str]) -> str:
    try:
        return run(_operation(content))
    except InvalidRequest as rejection:
        return encode({"errors": rejection.errors})


def _operation(content: object) -> Operation:
    if not isinstance(content, dict) or not isinstance(content.get("query"), str):
        raise InvalidRequest([_error("Query is missing", "BadRequest")])
    query, name, variables = content["query"], content.get("operationName"), content.get("variables")
    name = name if isinstance(name, str) and name else None
    if get_operation_ast(_document(query), name) is None:
        reason = f"Unknown operation named '{name}'."
        if name is None:
            reason = "Must provide operation name if query contains multiple operations."
        raise InvalidRequest([_error(reason)])
    return Operation(
        query=query, name=name, variables=encode(variables if isinstance(variables, dict) else {})
    )


@lru_cache(maxsize=64)
def _document(query: str) -> DocumentNode:
    """Parse and validate a query text."""
    try:
        document = parse(query, allow_empty_selection_sets=False)
    except GraphQLSyntaxError as error:
        at = next(iter(error.positions or (0,)))
        token = re.match(r"\w+|\S", query[at:])
        offending = token[0] if token else "<EOF>"
        message = f"Invalid Syntax : offending token '{offending}'"
        raise InvalidRequest([_error(message, "InvalidSyntax", error)]) from error
    rejections = validate(_SCHEMA, document)
    if rejections:
        errors = [_error(_word(document, error), "ValidationError", error) for error in rejections]
        raise InvalidRequest(errors)
    return document


def _root(endpoints: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the resolvers of the root fields."""

    def list_endpoints(_info: object, listEndpointsInput: Mapping[str, Any] | None = None) -> object:  # noqa: N803
        wanted = listEndpointsInput or {}
        found = [endpoint for endpoint in endpoints if endpoint["legacyAppliance"] is not None]
        if (ids := wanted.get("endpointIds")) is not None:
            found = [endpoint for endpoint in found if endpoint["id"] in ids]
        for name in ("displayCategory", "allDisplayCategories"):
            if (category := wanted.get(name)) is not None:
                shown = {"value": category}
                found = [endpoint for endpoint in found if shown in endpoint["displayCategories"]["all"]]
        return {"endpoints": found}

    def endpoint(_info: object, id: str) -> object:  # noqa: A002 - the name of the argument
        return next((each for each in endpoints if each["id"] == id), None)

    return {
        "endpoint": endpoint,
        "endpoints": lambda _info, **_: {"items": endpoints},
        "listEndpoints": list_endpoints,
    }


def _error(message: str, classification: str = "ValidationError", error: GraphQLError | None = None) -> Json:
    places = error.locations if error is not None and error.locations else []
    locations: list[Json] = [{"line": place.line, "column": place.column} for place in places]
    return {"message": message, "locations": locations, "extensions": {"classification": classification}}


def _word(document: DocumentNode, error: GraphQLError) -> str:
    path = "/".join(_path(document, next(iter(error.positions or (0,)))))
    for pattern, kind, words in _REJECTIONS:
        if match := re.search(pattern, error.message):
            return f"Validation error ({kind}@[{path}]) : {words.format(*match.groups())}"
    return f"Validation error : {error.message}"


def _word_variable(message: str) -> str:
    if match := _MISSING_VARIABLE.match(message):
        return f"Variable '{match[1]}' has an invalid value: Variable '{match[1]}' must not be null"
    return message


def _path(document: DocumentNode, position: int) -> Sequence[str]:
    """Return the names of the fields around a position of the text, and of the fragment that it is in."""
    names: list[str] = []
    nodes: Sequence[Node] = document.definitions
    while nodes:
        around = [node for node in nodes if node.loc and node.loc.start <= position < node.loc.end]
        names += [node.name.value for node in around if isinstance(node, FieldNode | FragmentDefinitionNode)]
        sets = [getattr(node, "selection_set", None) for node in around]
        nodes = [selection for each in sets if each is not None for selection in each.selections]
    return names
