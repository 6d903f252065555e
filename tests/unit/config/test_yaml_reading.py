"""Nodes out of YAML, with either of PyYAML's scanners."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from config.faults import Report, stop_on_faults
from config.yaml_nodes import Items, Node, Scalar, Table, overlaid
from config.yaml_reading import parse
from domain.errors import SettingsError

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if hasattr(yaml, "CSafeLoader") else [])]


@pytest.fixture(params=LOADERS, ids=lambda loader: str(loader.__name__))
def loader(request: pytest.FixtureRequest) -> Any:
    return request.param


def read(text: str, loader: Any = LOADERS[-1]) -> Node:
    report = Report()
    node = parse(text, "f.yaml", report, loader=loader)
    stop_on_faults(report.remarks)
    assert node is not None
    return node


def plain(node: Node) -> Any:
    match node:
        case Table():
            return {name: plain(inner) for name, inner in node.items()}
        case Items():
            return [plain(inner) for inner in node]
        case Scalar():
            return node.text


def faults_of(text: str, loader: Any = LOADERS[-1]) -> list[str]:
    report = Report()
    parse(text, "f.yaml", report, loader=loader)
    with pytest.raises(SettingsError) as caught:
        stop_on_faults(report.remarks)
    return str(caught.value).splitlines()


def test_every_value_knows_its_line_its_column_and_its_path(loader: Any) -> None:
    root = read("a:\n  b: [1, {c: x}]\n", loader)
    assert isinstance(root, Table)
    section = root["a"]
    assert isinstance(section, Table)
    items = section["b"]
    assert isinstance(items, Items)
    table = items[1]
    assert isinstance(table, Table)
    assert str(table["c"].place) == "f.yaml:2:14: a.b[1].c"
    assert str(section.key_places["b"]) == "f.yaml:2:3: a.b"


def test_what_stands_in_quotes_is_a_text_whatever_it_looks_like(loader: Any) -> None:
    root = read("""[5, "5", '5', !!str 5, yes, "yes", !!int "5"]""", loader)
    assert isinstance(root, Items)
    kinds = [node.kind for node in root if isinstance(node, Scalar)]
    assert kinds == ["whole number", "text", "text", "text", "boolean", "text", "whole number"]


def test_a_key_that_stands_twice_is_a_fault_with_both_lines(loader: Any) -> None:
    assert faults_of("a:\n  b: 1\n  c: 2\n  b: 3\n", loader) == [
        "f.yaml:4:3: a.b: stands twice, here and in line 2; remove one"
    ]


def test_an_alias_repeats_its_anchor_under_its_own_path(loader: Any) -> None:
    root = read("a: &rooms {x: Kitchen, y: [1]}\nb: *rooms\n", loader)
    assert isinstance(root, Table)
    assert plain(root["b"]) == {"x": "Kitchen", "y": ["1"]}
    repeated = root["b"]
    assert isinstance(repeated, Table)
    assert str(repeated["x"].place) == "f.yaml:1:15: b.x"


def test_a_merge_key_gives_what_the_section_does_not_say_itself(loader: Any) -> None:
    root = read(
        "base: &base {x: 1, y: 2}\nmore: &more {y: 3, z: 4}\nuse:\n  x: 9\n  <<: [*base, *more]\n", loader
    )
    assert isinstance(root, Table)
    assert plain(root["use"]) == {"x": "9", "y": "2", "z": "4"}
    used = root["use"]
    assert isinstance(used, Table)
    assert str(used["z"].place) == "f.yaml:2:23: use.z"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\n b: 2\n", "f.yaml:2:3: not YAML: mapping values are not allowed"),
        ("a:\n  b: 1\n c: 2\n", "f.yaml:3:2: not YAML: "),
        ("a: [1, 2\n", "f.yaml:2:1: not YAML: "),
        ("a: \x07\n", "f.yaml:1:4: not YAML: holds a character that YAML does not allow"),
        ("a: *b\n", "f.yaml:1:4: an alias (*) for an anchor (&) that is not defined before it"),
        ("a: &a [*a]\n", "f.yaml:1:8: an alias (*)"),
        ("a: !!python/object:os.system x\n", "f.yaml:1:4: a: has a tag (!), which is not supported"),
        ("<<: 5\n", "f.yaml:1:5: a merge key (<<) takes a section"),
        ("[a]: 5\n", "f.yaml:1:1: a key needs a name"),
        ('"": 5\n', "f.yaml:1:1: a key needs a name"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_column(loader: Any, text: str, fault: str) -> None:
    assert faults_of(text, loader)[0].startswith(fault)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_without_end_is_a_fault(loader: Any, opening: str) -> None:
    assert "nested deeper than 30 levels" in faults_of(opening * 100_000, loader)[0]


def test_aliases_that_multiply_without_end_are_a_fault(loader: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "more than 20000 values, aliases written out" in faults_of("\n".join(lines), loader)[0]


def test_a_name_in_a_path_never_breaks_its_line() -> None:
    (fault,) = faults_of('"a\\nb": 1\n"a\\nb": 2\n')
    assert fault == "f.yaml:2:1: a?b: stands twice, here and in line 1; remove one"


def test_the_scanners_absurd_escapes_are_faults(loader: Any) -> None:
    assert faults_of('a: "\\UFFFFFFFF"\n', loader)[0].startswith("f.yaml:1:")


def test_a_path_shows_no_more_of_a_name_than_a_line_holds() -> None:
    (fault,) = faults_of(f"? {'x' * 100_000}\n: !x 1\n")
    assert fault == f"f.yaml:2:3: {'x' * 60}: has a tag (!), which is not supported"


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
def test_where_keys_are_not_shown_no_message_quotes_the_file(loader: Any, text: str) -> None:
    report = Report()
    parse(text, "f.yaml", report, loader=loader, shown=lambda _name: False)
    with pytest.raises(SettingsError) as caught:
        stop_on_faults(report.remarks)
    assert "do-not-show-me" not in str(caught.value)


def test_an_overlay_changes_single_keys_and_replaces_lists() -> None:
    base = read("a: {x: 1, y: 2}\nlist: [1, 2]\n")
    over = read("a: {y: 3}\nlist: [4]\nnew: 5\n")
    assert plain(overlaid(base, over)) == {"a": {"x": "1", "y": "3"}, "list": ["4"], "new": "5"}
    assert plain(base) == {"a": {"x": "1", "y": "2"}, "list": ["1", "2"]}
