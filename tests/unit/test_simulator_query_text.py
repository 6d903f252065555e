"""GraphQL as the simulated Alexa service reads and answers it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from adapters.simulator.amazon import graphql
from adapters.simulator.amazon.query_text import InvalidSyntax, parse
from adapters.simulator.reply import Json

CAT: Json = {"__typename": "Cat", "name": "Mia", "lives": 9, "owner": {"__typename": "Person", "name": "Jo"}}
DOG: Json = {"__typename": "Dog", "name": "Rex", "tags": {"colour": "brown", "size": 3}}


def answer(text: str, **more: Any) -> Any:
    def pets(arguments: Mapping[str, Json]) -> Json:
        seen.append(dict(arguments))
        return [CAT, DOG]

    seen: list[Any] = []
    reply = graphql.answer(json.dumps({"query": text, **more}).encode(), {"pets": pets})
    told = json.loads(reply.body)
    return (told["data"], seen) if "data" in told else told["errors"][0]["message"]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("{ pets { name } }", {"pets": [{"name": "Mia"}, {"name": "Rex"}]}),
        ("query Q { pets { n: name } }", {"pets": [{"n": "Mia"}, {"n": "Rex"}]}),
        ("{ pets { __typename } }", {"pets": [{"__typename": "Cat"}, {"__typename": "Dog"}]}),
        ("{ __typename }", {"__typename": "Query"}),
        ("{ pets { ... on Cat { lives } } }", {"pets": [{"lives": 9}, {}]}),
        ("{ pets { ... { name } } }", {"pets": [{"name": "Mia"}, {"name": "Rex"}]}),
        ("{ pets { owner { name } } }", {"pets": [{"owner": {"name": "Jo"}}, {"owner": None}]}),
        ("{ pets { tags } }", {"pets": [{"tags": None}, {"tags": {"colour": "brown", "size": 3}}]}),
        ("{ pets { tags { size } } }", {"pets": [{"tags": None}, {"tags": {"size": 3}}]}),
        (
            "{ pets { owner { name } ... on Cat { owner { age } } } }",
            {"pets": [{"owner": {"name": "Jo", "age": None}}, {"owner": None}]},
        ),
        ("{ pets { ...F } } fragment F on Dog { name }", {"pets": [{}, {"name": "Rex"}]}),
        (
            "# a remark\n{ pets @include(if: true) { name @skip(if: true) lives @include(if: false) } }",
            {"pets": [{}, {}]},
        ),
        ('query Q($x: Int = 3, $y: [Int!]) { pets(a: "\\u00e9") { name } }', None),
    ],
)
def test_what_is_asked_for_is_picked_out(text: str, data: Any) -> None:
    found, _ = answer(text)
    assert found == (data or {"pets": [{"name": "Mia"}, {"name": "Rex"}]})


def test_arguments_may_be_written_or_come_as_variables() -> None:
    text = """query Q($ids: [String]!, $deep: In) {
        pets(a: 1, b: -2.5e1, c: "x\\"y", d: [true, null, LOW], e: {f: $ids, g: [$deep]},
             h: \"\"\"long\"\"\") { name }
    }"""
    _, (arguments,) = answer(text, variables={"ids": ["p"], "deep": {"k": 1}})
    assert arguments == {
        "a": 1,
        "b": -25.0,
        "c": 'x"y',
        "d": [True, None, "LOW"],
        "e": {"f": ["p"], "g": [{"k": 1}]},
        "h": "long",
    }


def test_one_of_several_operations_is_named() -> None:
    text = "query A { pets { name } } query B @cached { all: pets { lives } }"
    found, _ = answer(text, operationName="B")
    assert found == {"all": [{"lives": 9}, {"lives": None}]}
    assert "not named" in answer(text, operationName="C")


@pytest.mark.parametrize(
    "text",
    ["{", "}", "{ a", "{ a(b) }", "{ a(b:) }", "{ a(b: }) }", "query", "query {}", "nonsense { a }",
     "{ a { } }", "query Q(x: Int) { a }", "fragment F { a }", '{ a(b: "open) }', "{ a ? }",
     "fragment F on T { a }"],
)  # fmt: skip
def test_what_is_no_graphql_is_refused(text: str) -> None:
    with pytest.raises(InvalidSyntax, match="Invalid Syntax"):
        parse(text)
