"""Values: frozen classes of attrs that share what compares, hashes and shows them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

import attrs

C = TypeVar("C", bound=type[Any])


@overload
def frozen(made: C, /) -> C: ...
@overload
def frozen(*, kw_only: bool = False, slots: bool = True) -> Callable[[C], C]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def frozen(made: Any = None, /, **options: Any) -> Any:
    """As `attrs.frozen`, with one `==`, one hash and one `repr` for all such classes.

    attrs compiles the three anew for each class, at each start. A class that has its own keeps them.
    """

    def make(cls: type[Any]) -> type[Any]:
        if "__eq__" not in cls.__dict__:
            cls.__eq__, cls.__hash__ = _is_same, _hash  # type: ignore[assignment]
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = _told  # type: ignore[assignment]
        finished: type[Any] = attrs.frozen(**options)(cls)
        return finished

    return make if made is None else make(made)


def _is_same(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    fields = _fields(self.__class__)
    return fields(self) == fields(other)


def _hash(self: Any) -> int:
    return hash(_fields(self.__class__)(self))


def _told(self: Any) -> str:
    shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in _shown(self.__class__))
    return f"{self.__class__.__qualname__.rpartition('>.')[2]}({shown})"


@cache
def _fields(cls: Any) -> Callable[[Any], object]:
    """What takes the values of the fields out of an instance: one, or a tuple of them."""
    names = [each.name for each in attrs.fields(cls)]
    return attrgetter(*names) if names else type


@cache
def _shown(cls: Any) -> tuple[str, ...]:
    return tuple(each.name for each in attrs.fields(cls) if each.repr)
