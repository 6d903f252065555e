"""docs/reference/planned-tests.md lists each planned test once, and names only tests that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PAGE = CHECKOUT / "docs" / "reference" / "planned-tests.md"
REFERENCE = re.compile(r"\b(tests/[\w/]+\.py)(?:::(\w+))?(?:\[([^\]]+)\])?")


def test_every_planned_test_is_listed_once_with_tests_that_exist() -> None:
    lines = PAGE.read_text().splitlines()
    contents: dict[str, tuple[set[str], set[str]]] = {}
    missing = [problem for line in lines for problem in missing_tests(line, contents)]
    planned = [line for line in lines if line.startswith("| `test_")]
    names = [line.split("`")[1] for line in planned]
    unanswered = [
        line for line in planned if not REFERENCE.search(line.split("|")[2]) and "not yet" not in line
    ]
    assert (missing, unanswered) == ([], [])
    assert len(names) == len(set(names)) == 73


def missing_tests(line: str, contents: dict[str, tuple[set[str], set[str]]]) -> Iterator[str]:
    """Yield the references of a line to files, functions or cases that do not exist."""
    for file, function, case in REFERENCE.findall(line):
        if not (CHECKOUT / file).is_file():
            yield file
            continue
        if file not in contents:
            nodes = list(ast.walk(ast.parse((CHECKOUT / file).read_text())))
            contents[file] = (
                {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)},
                {str(node.value).replace(" ", "-") for node in nodes if isinstance(node, ast.Constant)},
            )
        functions, texts = contents[file]
        if (function and function not in functions) or (case and case not in texts):
            yield f"{file}::{function}[{case}]"
