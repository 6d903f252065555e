"""What a value may be written as, and which name a person may have meant."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from config.documents.problems import Report
from config.documents.structuring import most_similar, structure
from config.documents.yaml_document import parse
from config.settings import Settings


@attrs.frozen
class Sample:
    flag: bool | None = None
    whole: int | None = None
    number: float | None = None
    text: str | None = None
    path: Path | None = None


def read(key: str, written: str) -> object:
    """Return the value of the key; if it is refused, the message."""
    report = Report()
    document = parse(f"{key}: {written}\n", "f.yaml", report)
    assert document is not None
    sample = structure(document, Sample, report)
    if sample is None:
        (problem,) = report.problems
        return problem.message
    return getattr(sample, key)


@pytest.mark.parametrize("word", ["yes", "true", "on"])
def test_every_spelling_of_yes_in_yaml_1_1_is_true(word: str) -> None:
    assert [read("flag", each) for each in (word, word.title(), word.upper())] == [True] * 3


@pytest.mark.parametrize("word", ["no", "false", "off"])
def test_every_spelling_of_no_in_yaml_1_1_is_false(word: str) -> None:
    assert [read("flag", each) for each in (word, word.title(), word.upper())] == [False] * 3


@pytest.mark.parametrize(
    ("written", "value"),
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
def test_whole_number_has_its_value(written: str, value: int) -> None:
    assert read("whole", written) == value
    assert read("number", written) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [("1.5", 1.5), ("-.5", -0.5), ("2.", 2.0), ("1e3", 1000.0), ("1_0.2_5E-1", 1.025)],
)
def test_number_has_its_value(written: str, value: float) -> None:
    assert read("number", written) == value


@pytest.mark.parametrize("key", ["flag", "whole", "number", "text", "path"])
@pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL"])
def test_null_is_an_absent_value(key: str, written: str) -> None:
    assert read(key, written) is None


@pytest.mark.parametrize("written", ["off", "13:00", "190:20:30", "2026-03-01", "0600", "1.2.3", "9" * 5000])
def test_words_and_what_looks_like_a_number_are_texts(written: str) -> None:
    assert read("text", written) == written
    assert "must be a whole number, not" in str(read("whole", written))


@pytest.mark.parametrize(
    ("key", "written", "message"),
    [
        ("flag", "yEs", "must be yes or no, not a text"),
        ("flag", "y", "must be yes or no, not a text"),
        ("flag", "1", "must be yes or no, not a whole number"),
        ("flag", "'yes'", "must be yes or no, not a text in quotes; remove the quotes"),
        ("whole", "'5'", "must be a whole number, not a text in quotes; remove the quotes"),
        ("whole", "1.5", "must be a whole number, not a number"),
        ("whole", "yes", "must be a whole number, not yes or no"),
        ("whole", "{a: 1}", "must be a whole number, not a section"),
        ("whole", "[1]", "must be a whole number, not a list"),
        ("number", "-.inf", "must be a finite number"),
        ("number", ".NaN", "must be a finite number"),
        ("number", "1e999", "must be a finite number"),
        ("text", "5", "must be a text, not a whole number; put it in quotes"),
        ("text", "[a]", "must be a text, not a list"),
        ("text", '"x\\ny"', "contains a control character or a line break"),
        ("path", "''", "must be a text, and is empty"),
        ("path", "~no-such-user/x", "starts with the home folder (~) of a user that does not exist"),
    ],
)
def test_value_of_another_type_is_refused(key: str, written: str, message: str) -> None:
    assert read(key, written) == message


def test_errors_of_the_program_itself_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("config.documents.structuring.math", None)
    with pytest.raises(AttributeError):
        read("number", "1.5")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("intervall_seconds", "interval_seconds"),
        ("Interval-Seconds", "interval_seconds"),
        ("interval_second", "interval_seconds"),
        ("banana", None),
        ("", None),
        ("x" * 1_000_000, None),
    ],
)
def test_only_a_similar_name_is_suggested(written: str, meant: str | None) -> None:
    assert most_similar(written, ["interval_seconds", "retry_attempts", "level"]) == meant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bridge_ip: x\n", "unknown key, ignored; did you mean collectors.hue.bridge_ip?"),
        ("timeout_seconds: 5\n", "unknown key, ignored"),  # several sections have it
    ],
)
def test_key_in_the_wrong_section_is_located(text: str, message: str) -> None:
    report = Report()
    document = parse(text, "f.yaml", report)
    assert document is not None
    assert structure(document, Settings, report) == Settings()
    assert [problem.message for problem in report.problems] == [message]
