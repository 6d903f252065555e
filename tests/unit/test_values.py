"""Values are to whoever uses them what a frozen class of attrs is."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from domain.values import frozen

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("domain", "ports", "config", "adapters", "entrypoints")


def a_pair(make: Callable[[type[Any]], type[Any]]) -> tuple[type[Any], type[Any]]:
    class Pair:
        left: int
        right: object = attrs.field(default=None)
        secret: str = attrs.field(default="", repr=False)

    class Longer(make(Pair)):  # type: ignore[misc]
        more: float = 0.0

    return make(Pair), make(Longer)


OURS, LONGER = a_pair(frozen)
THEIRS, THEIRS_LONGER = a_pair(attrs.frozen)
ARGUMENTS: list[dict[str, Any]] = [
    {"left": 1},
    {"left": 2},
    {"left": 1, "right": "r"},
    {"left": 1, "secret": "s"},
    {"left": 1.0, "right": (1, OURS(3))},
]


@pytest.mark.parametrize(("ours", "theirs"), [(OURS, THEIRS), (LONGER, THEIRS_LONGER)])
def test_it_compares_hashes_and_shows_itself_as_attrs_would_have_it(ours: Any, theirs: Any) -> None:
    for first in ARGUMENTS:
        assert repr(ours(**first)) == repr(theirs(**first))
        for second in ARGUMENTS:
            are_equal = ours(**first) == ours(**second)
            assert are_equal is (theirs(**first) == theirs(**second))
            assert (ours(**first) != ours(**second)) is not are_equal
            assert (hash(ours(**first)) == hash(ours(**second))) is are_equal


def test_what_is_not_to_be_shown_is_not() -> None:
    assert repr(OURS(1, secret="hush")) == "Pair(left=1, right=None)"


def test_another_class_with_the_same_fields_is_something_else() -> None:
    again, _ = a_pair(frozen)
    assert OURS(1) != again(1)
    assert OURS(1) != LONGER(1)
    assert OURS(1) != (1, None, "")


def test_it_is_frozen_and_takes_what_attrs_takes() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        OURS(1).left = 2
    assert attrs.evolve(OURS(1), left=2) == OURS(2)
    with pytest.raises(TypeError):
        frozen(kw_only=True)(type("Named", (), {"__annotations__": {"at": int}}))(1)


def test_one_field_and_none_are_compared_too() -> None:
    one = frozen(type("One", (), {"__annotations__": {"at": int}}))
    none = frozen(type("Nothing", (), {}))
    assert (one(1) == one(1), one(1) == one(2), none() == none()) == (True, False, True)
    assert len({one(1), one(1), one(2), none(), none()}) == 3
    assert (repr(one(1)), repr(none())) == ("One(at=1)", "Nothing()")


def test_what_a_class_has_of_its_own_it_keeps() -> None:
    @frozen
    class Odd:
        at: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "odd"

    assert (Odd(1) == Odd(2), hash(Odd(1)), repr(Odd(1))) == (True, 7, "odd")


def test_the_program_has_no_frozen_class_made_otherwise() -> None:
    """Each costs each start what these save; only a hash that is kept needs what attrs compiles."""
    found = [
        f"{path.relative_to(CHECKOUT)}: {line}"
        for package in PACKAGES
        for path in sorted((CHECKOUT / package).rglob("*.py"))
        for line in path.read_text().splitlines()
        if re.match(r"\s*@attrs\.frozen\b(?!.*cache_hash)", line)
    ]
    assert found == []
