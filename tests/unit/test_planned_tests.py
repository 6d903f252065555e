"""The documents name only tests that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
REFERENCE = re.compile(r"\b(tests/[\w/]+\.py)(?:::(\w+))?(?:\[([^\]]+)\])?")


def test_documents_name_only_tests_that_exist() -> None:
    pages = [*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md")]
    contents: dict[str, tuple[set[str], set[str]]] = {}
    missing = [
        f"{page.relative_to(CHECKOUT)}: {problem}"
        for page in pages
        for problem in missing_tests(page.read_text(), contents)
    ]
    assert missing == []


def missing_tests(text: str, contents: dict[str, tuple[set[str], set[str]]]) -> Iterator[str]:
    """Yield the references to files, functions or cases that do not exist."""
    for file, function, case in REFERENCE.findall(text):
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
