"""What a plain YAML value may be read as."""

from __future__ import annotations

import math

import pytest

from config.yaml_scalars import boolean, kind_of_plain, number, whole_number


@pytest.mark.parametrize("word", ["yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"])
def test_every_spelling_of_yes_in_yaml_1_1_is_a_boolean_and_true(word: str) -> None:
    assert kind_of_plain(word) == "boolean"
    assert boolean(word)


@pytest.mark.parametrize("word", ["no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"])
def test_every_spelling_of_no_in_yaml_1_1_is_a_boolean_and_false(word: str) -> None:
    assert kind_of_plain(word) == "boolean"
    assert not boolean(word)


@pytest.mark.parametrize(
    "word", ["y", "n", "yEs", "oN", "enabled", "13:00", "190:20:30", "2026-03-01", "0600", "1.2.3"]
)
def test_what_only_looks_like_another_type_stays_a_text(word: str) -> None:
    assert kind_of_plain(word) == "text"


@pytest.mark.parametrize("word", ["", "~", "null", "Null", "NULL"])
def test_an_absent_value_is_nothing(word: str) -> None:
    assert kind_of_plain(word) == "nothing"


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("0", 0),
        ("300", 300),
        ("-40", -40),
        ("+5", 5),
        ("10_000_000", 10_000_000),
        ("0x1F", 31),
        ("-0b101", -5),
    ],
)
def test_a_whole_number_has_its_value(word: str, value: int) -> None:
    assert kind_of_plain(word) == "whole number"
    assert whole_number(word) == value
    assert number(word) == value


@pytest.mark.parametrize(
    ("word", "value"),
    [("1.5", 1.5), ("-.5", -0.5), ("2.", 2.0), ("1e3", 1000.0), ("1_0.2_5E-1", 1.025), ("-.inf", -math.inf)],
)
def test_a_number_has_its_value(word: str, value: float) -> None:
    assert kind_of_plain(word) == "number"
    assert number(word) == value


def test_not_a_number_is_a_number_to_yaml() -> None:
    assert kind_of_plain(".nan") == "number"
    assert math.isnan(number(".NaN"))


def test_more_digits_than_anybody_means_are_a_text() -> None:
    assert kind_of_plain("9" * 5000) == "text"
