"""What is read out of JSON that somebody else wrote."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.json_reply import decoded, instant, integer, number, sample, shown


def test_a_body_is_read_in_any_of_json_s_encodings() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
        assert decoded('{"name": "Küche"}'.encode(encoding)) == {"name": "Küche"}


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999"])
def test_numbers_that_are_none_are_nothing(constant: bytes) -> None:
    assert decoded(b'{"temperature": ' + constant + b"}") == {"temperature": None}


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
def test_half_a_character_is_replaced(body: bytes, value: str) -> None:
    assert decoded(body) == value
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
        b"9" * 5000,
    ],
    ids=lambda body: f"{body[:9]!r} and {len(body)} bytes",
)
def test_what_is_not_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decoded(body)


@pytest.mark.parametrize(
    "value", [True, False, "7", None, [7], {}, 10**400, float("nan"), float("inf")], ids=str
)
def test_what_is_no_finite_number_is_none(value: Any) -> None:
    assert number({"value": value}, "value") is None


@pytest.mark.parametrize("value", [True, 7.0, "7", None])
def test_what_is_no_whole_number_is_no_integer(value: Any) -> None:
    assert integer({"value": value}, "value") is None


@pytest.mark.parametrize(
    ("written", "microsecond"), [("", 0), (".5", 500_000), (".698", 698_000), (".123456789", 123_456)]
)
def test_a_fraction_of_a_second_has_any_number_of_digits(written: str, microsecond: int) -> None:
    expected = datetime(2026, 3, 1, 12, 0, 7, microsecond, tzinfo=UTC)
    assert instant(f"2026-03-01T12:00:07{written}Z") == expected


def test_a_sample_is_short_and_on_one_line() -> None:
    assert sample(b'{"a":\n\t1,  "b": 2}') == '{"a": 1, "b": 2}'
    assert len(sample(b"a word " * 1000)) == 120


def test_a_sample_shows_nothing_that_may_be_a_key() -> None:
    assert sample(b'{"whitelist": {"0123456789abcdefghijKLMN-_": {}}}') == '{"whitelist": {"[...]": {}}}'
    assert (
        sample(b"Cannot GET /api/newdeveloper/sensors", hide="newdeveloper")
        == "Cannot GET /api/[...]/sensors"
    )


def test_a_key_that_is_cut_by_the_end_of_the_sample_is_not_shown_either() -> None:
    secret = "s3cret" * 20
    for begins in range(900, 970):
        body = b'{"' + b"w" * (begins - 2) + b'":"' + secret.encode() + b'"}'
        assert "s3cret" not in sample(body)


def test_a_hidden_word_is_not_shown_by_half() -> None:
    assert "newdev" not in shown("x " * 55 + "newdeveloper", hide="newdeveloper")
