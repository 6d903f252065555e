"""The page of the planned tests names each once, and only tests that there are."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "reference" / "planned-tests.md"
LINES = {f"line {number}": line for number, line in enumerate(PAGE.read_text().splitlines(), 1)}
ROWS = {number: line for number, line in LINES.items() if "tests/" in line or line.startswith("| `test_")}
PLANNED = {number: line for number, line in ROWS.items() if line.startswith("| `test_")}


def named(line: str) -> list[tuple[str, str, str]]:
    """The tests that a line names: file, function and case, the latter two empty where it names none."""
    return re.findall(r"\b(tests/[\w/]+\.py)(?:::(\w+))?(?:\[([^\]]+)\])?", line)


def missing(file: str, function: str, case: str) -> str:
    """What there is not of a test that is named; empty where all is there."""
    if not (CHECKOUT / file).is_file():
        return file
    functions, texts = _contents(CHECKOUT / file)
    if function and function not in functions:
        return f"{file}::{function}"
    return case if case and case not in texts else ""


@cache
def _contents(file: Path) -> tuple[frozenset[str], frozenset[str]]:
    """The tests of a file that pytest would find, and its texts as they stand in the name of a case."""
    tree = ast.parse(file.read_text())
    functions = frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    )
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return functions, frozenset(text.replace(" ", "-") for text in constants if isinstance(text, str))


@pytest.mark.parametrize("line", ROWS.values(), ids=ROWS)
def test_a_line_names_only_tests_that_there_are(line: str) -> None:
    assert [what for each in named(line) if (what := missing(*each))] == []


@pytest.mark.parametrize("line", PLANNED.values(), ids=PLANNED)
def test_each_planned_test_is_shown_by_one_or_is_said_not_to_be_there_yet(line: str) -> None:
    shown_by = line.split("|")[2].strip()
    assert all(function for _, function, _ in named(shown_by))
    assert bool(named(shown_by)) is not shown_by.startswith("not yet")


def test_each_planned_test_stands_there_once() -> None:
    names = [line.split("`")[1] for line in PLANNED.values()]
    assert len(names) == 73
    assert [name for name in names if names.count(name) > 1] == []


@pytest.mark.parametrize(
    ("text", "lacks"),
    [
        ("`tests/unit/test_planned_tests.py::test_each_planned_test_stands_there_once`", ""),
        ("`tests/unit/test_planned_tests.py`", ""),
        ("`tests/unit/test_that_is_not.py::test_any`", "tests/unit/test_that_is_not.py"),
        ("`tests/unit/test_planned_tests.py::test_none`", "tests/unit/test_planned_tests.py::test_none"),
        ("`tests/unit/test_planned_tests.py::missing`", "tests/unit/test_planned_tests.py::missing"),
        ("`tests/unit/test_health.py::test_health_check_exit_codes[no-case]`", "no-case"),
    ],
)
def test_what_is_not_there_is_noticed(text: str, lacks: str) -> None:
    (one,) = named(text)
    assert missing(*one) == lacks
