"""Turns one written value into the type that is due, and guesses at nothing."""

from __future__ import annotations

import math
from pathlib import Path

from config.faults import Misfit
from config.secrets import Secret
from config.yaml_nodes import Items, Node, Scalar, Table
from config.yaml_scalars import Kind, boolean, kind_of_plain, number, whole_number


def boolean_of(node: Node) -> bool:
    scalar = scalar_of(node, "yes or no")
    if scalar.kind != "boolean":
        raise Misfit(node.place, f"must be yes or no, not {_what(scalar, 'boolean')}")
    return boolean(scalar.text)


def whole_number_of(node: Node) -> int:
    scalar = scalar_of(node, "a whole number")
    if scalar.kind != "whole number":
        raise Misfit(node.place, f"must be a whole number, not {_what(scalar, 'whole number')}")
    return whole_number(scalar.text)


def number_of(node: Node) -> float:
    scalar = scalar_of(node, "a number")
    if scalar.kind not in ("number", "whole number"):
        raise Misfit(node.place, f"must be a number, not {_what(scalar, 'number', 'whole number')}")
    value = number(scalar.text)
    if not math.isfinite(value):
        raise Misfit(node.place, "must be a number that ends, not infinite or .nan")
    return value


def text_of(node: Node) -> str:
    """The text, as it is written: `off` stays a text here. A number has to stand in quotes to be one."""
    scalar = scalar_of(node, "a text")
    if scalar.kind in ("whole number", "number"):
        raise Misfit(node.place, f"must be a text, not {_what(scalar)}; put it in quotes")
    return written_text_of(scalar)


def written_text_of(node: Node) -> str:
    """The text, as it is written, even where it looks like a number."""
    scalar = scalar_of(node, "a text")
    text = scalar.text.strip()
    if scalar.kind == "nothing" or not text:
        raise Misfit(node.place, "must be a text, and is empty")
    if not text.isprintable():
        raise Misfit(node.place, "holds a control character or a line break")
    return text


def path_of(node: Node) -> Path:
    try:
        return Path(text_of(node)).expanduser()
    except RuntimeError:
        raise Misfit(node.place, "begins with the home folder (~) of a user who does not exist") from None


def secret_of(node: Node) -> Secret:
    text = written_text_of(node)
    if not text.isascii():
        raise Misfit(node.place, "holds a character outside ASCII, which no header can carry")
    return Secret(text)


def is_nothing(node: Node) -> bool:
    """Whether the value is null, or left out."""
    return isinstance(node, Scalar) and node.kind == "nothing"


def is_blank(node: Node) -> bool:
    """Whether the value is null, left out, or an empty text."""
    return is_nothing(node) or (isinstance(node, Scalar) and not node.text.strip())


def scalar_of(node: Node, due: str) -> Scalar:
    if isinstance(node, Scalar):
        return node
    raise Misfit(node.place, f"must be {due}, not {_what(node)}")


def table_of(node: Node) -> Table:
    """The mapping; one whose keys are all commented out is empty."""
    if is_nothing(node):
        return Table(node.place)
    if isinstance(node, Table):
        return node
    raise Misfit(node.place, f"must be a section (name: value), not {_what(node)}")


def items_of(node: Node) -> Items:
    """The list; one whose items are all commented out is empty."""
    if is_nothing(node):
        return Items(node.place)
    if isinstance(node, Items):
        return node
    raise Misfit(node.place, f"must be a list (- item), not {_what(node)}")


def _what(node: Node, *due: Kind) -> str:
    match node:
        case Table():
            return "a section"
        case Items():
            return "a list"
        case Scalar(kind="nothing"):
            return "nothing; remove the line for the default"
        case Scalar(kind="boolean"):
            return "yes or no"
        case Scalar(kind="text") if kind_of_plain(node.text) in due:
            return "a text in quotes; remove the quotes"
    return f"a {node.kind}"
