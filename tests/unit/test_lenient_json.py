"""Lenient access to JSON from outside."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.http.lenient_json import (
    MAX_JSON_LENGTH,
    MAX_NAME_LENGTH,
    body_excerpt,
    compact_json,
    count_non_finite,
    excerpt,
    identity,
    instant,
    integer,
    name,
    number,
    parse_json,
)


def test_every_json_encoding_is_read() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
        assert parse_json('{"name": "Küche"}'.encode(encoding)) == {"name": "Küche"}


@pytest.mark.parametrize(
    "constant",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        b"9" * 310,
        b"9" * 5000,
        b"-" + b"9" * 1_000_000,
    ],
    ids=lambda constant: f"{constant[:9].decode()} of {len(constant)}",
)
def test_invalid_number_is_counted_and_skipped(constant: bytes) -> None:
    content = parse_json(
        b'{"temperature": ' + constant + b', "others": [' + constant + b', 7, 1.5, "NaN", null]}'
    )
    assert (number(content, "temperature"), integer(content, "temperature")) == (None, None)
    assert count_non_finite(content) == 2
    assert compact_json(content) == '{"temperature":null,"others":[null,7,1.5,"NaN",null]}'


def test_large_integer_is_read_if_a_float_holds_it() -> None:
    content = parse_json(b"9" * 300)
    assert (count_non_finite(content), number(content)) == (0, 1e300)
    assert integer(parse_json(b"12345678901234567890")) == 12_345_678_901_234_567_890


def test_invalid_numbers_are_counted_at_any_depth() -> None:
    assert count_non_finite(parse_json(b'{"a":[' * 300 + b"NaN" + b"]}" * 300)) == 1


def test_too_long_or_deep_value_is_not_formatted() -> None:
    assert compact_json("a" * (MAX_JSON_LENGTH - 2)) == f'"{"a" * (MAX_JSON_LENGTH - 2)}"'
    assert compact_json("a" * MAX_JSON_LENGTH) is None
    nested: Any = []
    for _ in range(5000):
        nested = [nested]
    assert compact_json(nested) is None


def test_long_name_is_cut_and_long_identifier_rejected() -> None:
    longest = "k" * MAX_NAME_LENGTH
    assert (name({"a": longest}, "a"), identity({"a": longest}, "a")) == (longest, longest)
    assert (name({"a": longest + "k"}, "a"), identity({"a": longest + "k"}, "a")) == (longest, None)
    assert (name({"a": ""}, "a"), identity({"a": 7}, "a")) == (None, None)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'"K\xc3"', "K\ufffd"),
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\uDC00 \ud83d"', "\ufffd \ufffd"),
        (rb'"\ud83c\udfe0"', "\U0001f3e0"),
        (rb'"\\ud83d"', r"\ud83d"),
        (rb'"\\\ud83d"', "\\\ufffd"),
        (b'"\xed\xa0\x80"', "\ufffd\ufffd\ufffd"),
    ],
    ids=[
        "cut bytes",
        "half a pair",
        "the wrong halves",
        "a pair",
        "a backslash",
        "both",
        "half a pair in bytes",
    ],
)
def test_broken_character_is_replaced(body: bytes, value: str) -> None:
    assert parse_json(body) == value
    value.encode()  # what is returned can be stored


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"a": 1',
        b"<html></html>",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe",
    ],
    ids=lambda body: f"{body[:9]!r} and {len(body)} bytes",
)
def test_invalid_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_json(body)


@pytest.mark.parametrize(
    "value", [True, False, "7", None, [7], {}, 10**400, float("nan"), float("inf")], ids=str
)
def test_non_finite_number_is_none(value: Any) -> None:
    assert number({"value": value}, "value") is None


@pytest.mark.parametrize("value", [True, 7.0, "7", None])
def test_non_integer_is_none(value: Any) -> None:
    assert integer({"value": value}, "value") is None


@pytest.mark.parametrize(
    ("written", "microsecond"), [("", 0), (".5", 500_000), (".698", 698_000), (".123456789", 123_456)]
)
def test_fraction_of_a_second_has_any_number_of_digits(written: str, microsecond: int) -> None:
    expected = datetime(2026, 3, 1, 12, 0, 7, microsecond, tzinfo=UTC)
    assert instant(f"2026-03-01T12:00:07{written}Z") == expected


def test_excerpt_is_short_and_on_one_line() -> None:
    assert body_excerpt(b'{"a":\n\t1,  "b": 2}') == '{"a": 1, "b": 2}'
    assert len(body_excerpt(b"a word " * 1000)) == 120


def test_excerpt_hides_what_may_be_a_key() -> None:
    body = b'{"whitelist": {"0123456789abcdefghijKLMN-_": {}}}'
    assert body_excerpt(body) == '{"whitelist": {"[...]": {}}}'
    assert (
        body_excerpt(b"Cannot GET /api/newdeveloper/sensors", hide="newdeveloper")
        == "Cannot GET /api/[...]/sensors"
    )


def test_excerpt_hides_a_key_cut_by_its_end() -> None:
    secret = "s3cret" * 20
    for begins in range(900, 970):
        body = b'{"' + b"w" * (begins - 2) + b'":"' + secret.encode() + b'"}'
        assert "s3cret" not in body_excerpt(body)


def test_excerpt_hides_a_word_cut_by_its_end() -> None:
    assert "newdev" not in excerpt("x " * 55 + "newdeveloper", hide="newdeveloper")
