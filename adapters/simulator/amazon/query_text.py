"""Reads the text of a GraphQL request, as far as clients of the Alexa service use the language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from adapters.simulator.amazon.query import (
    Document,
    Field,
    Fragment,
    Operation,
    Selections,
    Spread,
    Variable,
)
from adapters.simulator.reply import Json

_TOKEN = re.compile(
    r'[\s,]+|\#[^\n\r]*|(?P<token>\.\.\.|"""(?:.|\n)*?"""|"(?:\\.|[^"\\\n])*"'
    r"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[_A-Za-z]\w*|[!$():=@\[\]{}|&])"
)
_NAME = re.compile(r"[_A-Za-z]\w*")
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None}


class InvalidSyntax(Exception):
    """The text is no GraphQL. The message names what is in the way."""


def parse(text: str) -> Document:
    """The document that the text holds. Raises InvalidSyntax."""
    return _Reader(_tokens(text)).document()


def _tokens(text: str) -> Sequence[str]:
    def each() -> Iterator[str]:
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise InvalidSyntax(f"Invalid Syntax : offending token '{text[at]}'")
            at = match.end()
            if match["token"]:
                yield match["token"]

    return (*each(), "<EOF>")


class _Reader:
    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def document(self) -> Document:
        operations: list[Operation] = []
        fragments: dict[str, Fragment] = {}
        while self._peek() != "<EOF>":
            if self._skip("fragment"):
                name = self._name()
                self._expect("on")
                fragments[name] = Fragment(type=self._name(), selections=self._selections())
            else:
                operations.append(self._operation())
        if not operations:
            self._refuse()
        return Document(operations=operations, fragments=fragments)

    def _operation(self) -> Operation:
        if self._peek() == "{":
            return Operation(kind="query", name="", needs=(), selections=self._selections())
        kind = self._name()
        if kind not in ("query", "mutation", "subscription"):
            self._at -= 1
            self._refuse()
        name = self._name() if _NAME.fullmatch(self._peek()) else ""
        needs = self._variables() if self._skip("(") else []
        self._directives()
        return Operation(kind=kind, name=name, needs=needs, selections=self._selections())

    def _variables(self) -> list[str]:
        needs = []
        while not self._skip(")"):
            self._expect("$")
            name = self._name()
            self._expect(":")
            while self._peek() in ("[", "]", "!") or _NAME.fullmatch(self._peek()):
                last = self._next()
            if self._skip("="):
                self._value()
            elif last == "!":
                needs.append(name)
        return needs

    def _selections(self) -> Selections:
        self._expect("{")
        found: list[Field | Spread] = []
        while not self._skip("}"):
            found.append(self._spread() if self._skip("...") else self._field())
        if not found:
            self._at -= 1
            self._refuse()
        return tuple(found)

    def _field(self) -> Field:
        alias = name = self._name()
        if self._skip(":"):
            name = self._name()
        return Field(
            name=name,
            alias=alias,
            arguments=self._arguments(),
            directives=self._directives(),
            selections=self._selections() if self._peek() == "{" else None,
        )

    def _spread(self) -> Spread:
        if _NAME.fullmatch(self._peek()) and self._peek() != "on":
            return Spread(fragment=self._name(), type="", directives=self._directives(), selections=())
        on_type = self._name() if self._skip("on") else ""
        return Spread(fragment="", type=on_type, directives=self._directives(), selections=self._selections())

    def _directives(self) -> Mapping[str, Mapping[str, object]]:
        found: dict[str, Mapping[str, object]] = {}
        while self._skip("@"):
            name = self._name()
            found[name] = self._arguments()
        return found

    def _arguments(self) -> Mapping[str, object]:
        return self._pairs(")") if self._skip("(") else {}

    def _pairs(self, end: str) -> dict[str, object]:
        pairs = {}
        while not self._skip(end):
            name = self._name()
            self._expect(":")
            pairs[name] = self._value()
        return pairs

    def _value(self) -> object:
        first = self._next()
        if first == "$":
            return Variable(self._name())
        if first == "{":
            return self._pairs("}")
        if first == "[":
            items = []
            while not self._skip("]"):
                items.append(self._value())
            return items
        if first.startswith('"""'):
            return first[3:-3]
        if first[0] in '"-' or first[0].isdigit():
            return json.loads(first)
        if _NAME.fullmatch(first):
            return _WORDS.get(first, first)
        self._at -= 1
        return self._refuse()

    def _peek(self) -> str:
        return self._tokens[self._at]

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _skip(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._at += 1
        return True

    def _expect(self, token: str) -> None:
        if not self._skip(token):
            self._refuse()

    def _name(self) -> str:
        if not _NAME.fullmatch(self._peek()):
            self._refuse()
        return self._next()

    def _refuse(self) -> object:
        raise InvalidSyntax(f"Invalid Syntax : offending token '{self._peek()}'")
