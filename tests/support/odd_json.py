"""JSON that no real service sends, and real JSON that is spoiled, for generated cases."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(
    ["OK", "4", "CELSIUS", "2026-03-01T11:57:21.000Z", "0001-01-01T00:00+23:59", "9999-12-31T23:59:59-23:59"]
)
ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | st.sampled_from([10**400, -(10**30)]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(ANY_TEXT, children, max_size=4),
    max_leaves=12,
)


_IN_STRING = "@json"  # the only key of an object that is written as JSON in a string
# What json.dumps cannot write, by a placeholder.
_ODD = {
    "@NAN": "NaN",
    "@INF": "Infinity",
    "@-INF": "-Infinity",
    "@1e999": "1e999",
    "@-1e999": "-1e999",
    "@400": "9" * 400,
    "@5000": "-" + "9" * 5000,
}
_DEEP = {"@DEEP": "[" * 500 + "]" * 500, "@TOO DEEP": '{"a":' * 20_000 + "1" + "}" * 20_000}
NOT_FINITE = st.sampled_from(list(_ODD))
ODD_NUMBERS = st.sampled_from(
    [-1, 0, -0.0, 101, 255, 5001, -4001, 10**9, 10**30, 10**299, -(10**300), 1e308, -1e308, 5e-324, 1.5, "21"]
)
ODD_TEXTS = ANY_TEXT | st.sampled_from(
    ["", "none", "x" * 5000, "-->\u202e\u0000\n'", "ZLLTemperature", "CELSIUS"]
)
ODD = NOT_FINITE | ODD_NUMBERS | ODD_TEXTS | st.sampled_from([*_DEEP, None, True, False, [], {}]) | ANY_JSON


def as_json(content: Any) -> str:
    """Return the content as text, with the placeholders replaced."""
    written = json.dumps(_strings_written(content))
    for stand_in, meant in {**_ODD, **_DEEP}.items():
        written = written.replace(f'"{stand_in}"', meant)
    return written


def from_strings(content: Any) -> Any:
    """Return the content with JSON in strings parsed, for `as_json` to write again."""
    if isinstance(content, dict):
        return {key: from_strings(value) for key, value in content.items()}
    if isinstance(content, list):
        return [from_strings(value) for value in content]
    if isinstance(content, str) and content.startswith("{"):
        return {_IN_STRING: json.loads(content)}
    return content


def _strings_written(content: Any) -> Any:
    if isinstance(content, dict):
        if set(content) == {_IN_STRING}:
            return as_json(content[_IN_STRING])
        return {key: _strings_written(value) for key, value in content.items()}
    return [_strings_written(value) for value in content] if isinstance(content, list) else content


@st.composite
def spoiled(draw: st.DrawFn, content: Any) -> Any:
    """Generate the content after one to five changes."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 5))):
        content = _with_a_change(draw, content)
    return content


@st.composite
def with_numbers_that_are_none(draw: st.DrawFn, content: Any) -> Any:
    """Generate the content with one to six of its numbers replaced by non-finite ones."""
    content = copy.deepcopy(content)
    places = list(_numbers(content))
    chosen = draw(st.lists(st.integers(0, len(places) - 1), min_size=1, max_size=6, unique=True))
    for number in chosen:
        holder, key = places[number]
        holder[key] = draw(NOT_FINITE)
    return content


def numbers_that_are_none(written: str) -> int:
    """Count them in JSON text, JSON in strings included, without the code under test."""
    counts = [0]

    def whole(digits: str) -> int:
        counts[0] += len(digits) > 309
        return 0

    def real(digits: str) -> float:
        counts[0] += float(digits) in (float("inf"), float("-inf"))
        return 0.0

    def constant(_: str) -> None:
        counts[0] += 1

    def read(text: str) -> None:
        content = json.loads(text, parse_int=whole, parse_float=real, parse_constant=constant)
        for string in _leaves(content):
            if isinstance(string, str) and string.startswith("{"):
                read(string)

    read(written)
    return counts[0]


def _with_a_change(draw: st.DrawFn, content: Any) -> Any:
    keys = (
        list(content)
        if isinstance(content, dict)
        else list(range(len(content)))
        if isinstance(content, list)
        else []
    )
    if not keys or draw(st.integers(0, 15)) == 0:
        return draw(ODD)
    key = draw(st.sampled_from(keys))
    match draw(st.integers(0, 12)):
        case 0:
            del content[key]
        case 1:
            content[key] = draw(ODD)
        case 2 if isinstance(content, list):
            content += [copy.deepcopy(content[key])] * draw(st.integers(1, 30))
        case 2:
            content[draw(ODD_TEXTS)] = content.pop(key)
        case _:
            content[key] = _with_a_change(draw, content[key])
    return content


def _numbers(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and the key of each number."""
    pairs: Any = ()
    if isinstance(content, dict):
        pairs = content.items()
    elif isinstance(content, list):
        pairs = enumerate(content)
    for key, value in pairs:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield content, key
        yield from _numbers(value)


def _leaves(content: Any) -> Iterator[Any]:
    members: Callable[[Any], Any] = lambda value: value.values() if isinstance(value, dict) else value  # noqa: E731
    if isinstance(content, dict | list):
        for value in members(content):
            yield from _leaves(value)
    else:
        yield content
