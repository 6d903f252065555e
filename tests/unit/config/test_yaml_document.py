"""YAML content and positions, with both of PyYAML's parsers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from config.documents.problems import Report
from config.documents.yaml_document import Document, Plain, loader_with, overlay, parse

PARSERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]


@pytest.fixture(params=PARSERS, ids=lambda parser: str(parser.__name__))
def loader(request: pytest.FixtureRequest) -> Any:
    return loader_with(request.param)


def read(text: str, loader: Any = None) -> Document:
    report = Report()
    document = parse(text, "f.yaml", report, loader=loader)
    assert report.problems == ()
    assert document is not None
    return document


def problems(text: str, loader: Any = None, **options: Any) -> list[str]:
    report = Report()
    parse(text, "f.yaml", report, loader=loader, **options)
    return [str(each) for each in report.problems]


def test_keys_and_values_have_line_column_and_path(loader: Any) -> None:
    document = read("a:\n  b: [1, {c: x}]\n", loader)
    assert document.content == {"a": {"b": ["1", {"c": "x"}]}}
    assert str(document.values["a", "b", 1, "c"]) == "f.yaml:2:14: a.b[1].c"
    assert str(document.keys["a", "b"]) == "f.yaml:2:3: a.b"


def test_missing_value_has_the_place_of_its_section(loader: Any) -> None:
    assert str(read("a:\n  b: {}\n", loader).place(("a", "b", "c", "d"))) == "f.yaml:2:6: a.b.c.d"


def test_only_values_without_quotes_are_plain(loader: Any) -> None:
    content = read("""[5, "5", '5', !!str 5, yes, "yes", !!int "5", "", ~, null, ]""", loader).content
    assert isinstance(content, list)
    kinds = ["plain" if isinstance(each, Plain) else type(each).__name__ for each in content]
    assert kinds == ["plain", "str", "str", "str", "plain", "str", "plain", "str", "NoneType", "NoneType"]


def test_alias_repeats_its_anchor_under_its_own_path(loader: Any) -> None:
    document = read("a: &rooms {x: Kitchen, y: [1]}\nb: *rooms\n", loader)
    assert document.content == {"a": {"x": "Kitchen", "y": ["1"]}, "b": {"x": "Kitchen", "y": ["1"]}}
    assert str(document.values["b", "x"]) == "f.yaml:1:15: b.x"


def test_merge_key_adds_what_the_section_lacks(loader: Any) -> None:
    text = "base: &base {x: 1, y: 2}\nmore: &more {y: 3, z: 4}\nuse:\n  x: 9\n  <<: [*base, *more]\n"
    document = read(text, loader)
    assert isinstance(document.content, dict)
    assert document.content["use"] == {"x": "9", "y": "2", "z": "4"}
    assert str(document.values["use", "z"]) == "f.yaml:2:23: use.z"
    assert str(document.values["use", "x"]) == "f.yaml:4:6: use.x"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\n b: 2\n", "f.yaml:2:3: is not valid YAML: mapping values are not allowed"),
        ("a:\n  b: 1\n c: 2\n", "f.yaml:3:2: is not valid YAML: "),
        ("a: [1, 2\n", "f.yaml:2:1: is not valid YAML: "),
        ("a: \x07\n", "f.yaml:1:4: is not valid YAML: contains a character that YAML does not allow"),
        ('a: "\\UFFFFFFFF"\n', "f.yaml:1:"),
        ("a: *b\n", "f.yaml:1:4: is not valid YAML: found undefined alias"),
        ("a: &a [*a]\n", "f.yaml:1:8: is not valid YAML: an alias (*) refers to the section that it is in"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: is not valid YAML: expected a single document"),
        ("a: !!python/object:os.system x\n", "f.yaml:1:4: a: has a tag (!), which is not supported"),
        ("<<: 5\n", "f.yaml:1:5: a merge key (<<) needs a section"),
        ("[a]: 5\n", "f.yaml:1:1: a key must be a name"),
        ('"": 5\n', "f.yaml:1:1: a key must be a name"),
        ("a:\n  b: 1\n  b: 3\n", "f.yaml:3:3: a.b: appears twice, here and in line 2; remove one"),
        ('"a\\nb": 1\n"a\\nb": 2\n', "f.yaml:2:1: a?b: appears twice, here and in line 1"),
        (f"? {'x' * 100_000}\n: !x 1\n", f"f.yaml:2:3: {'x' * 60}: has a tag (!)"),
    ],
)
def test_invalid_yaml_is_reported_with_its_position(loader: Any, text: str, problem: str) -> None:
    (found,) = problems(text, loader)
    assert found.startswith(problem)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused(loader: Any, opening: str) -> None:
    assert "nested deeper than 30 levels" in problems(opening * 100_000, loader)[0]


def test_aliases_that_multiply_are_refused(loader: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "more than 20000 values, aliases expanded" in problems("\n".join(lines), loader)[0]


@pytest.mark.parametrize(
    "text",
    [
        "a: !do-not-show-me!x y\n",
        "%TAG !do-not-show-me! a\n%TAG !do-not-show-me! b\n--- {}\n",
        "do-not-show-me: *do-not-show-me\n",
        "{do-not-show-me: 1, do-not-show-me: 2}\n",
        "do-not-show-me: !x 1\n",
    ],
)
def test_names_that_are_not_public_are_hidden(loader: Any, text: str) -> None:
    (found,) = problems(text, loader, public_names=["a"])
    assert "do-not-show-me" not in found


def test_problems_of_other_sections_are_ignored(loader: Any) -> None:
    (found,) = problems("other: {a: !x 1, a: 2}\nours: !x 1\n", loader, sections=["ours"])
    assert found.startswith("f.yaml:2:7: ours: ")


def test_overlay_replaces_single_keys_and_whole_lists() -> None:
    base, over = read("a: {x: 1, y: 2}\nlist: [1, 2]\n"), read("a: {y: 3}\nlist: [4]\nnew: 5\n")
    assert overlay(base, over).content == {"a": {"x": "1", "y": "3"}, "list": ["4"], "new": "5"}
    assert base.content == {"a": {"x": "1", "y": "2"}, "list": ["1", "2"]}
