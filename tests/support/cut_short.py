"""A process that dies between two of its calls on files, played in this one: no later call happens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CALLS = frozenset({"os.rename", "os.link", "os.remove", "sqlite3.connect"})


class Killed(BaseException):
    """Not an `Exception`: nothing under test outlives it."""


class _Cutting:
    """Python's audit hooks cannot be taken away again, so there is one for all tests."""

    def __init__(self) -> None:
        self.calls_left: int | None = None

    def __call__(self, event: str, _arguments: object) -> None:
        if self.calls_left is None or event not in _CALLS:
            return
        if self.calls_left == 0:
            raise Killed
        self.calls_left -= 1


_cutting = _Cutting()
sys.addaudithook(_cutting)


@contextmanager
def cut_short(after_calls: int) -> Iterator[list[int]]:
    """Let the block die after so many calls on files; the list then holds how many of them are left."""
    left: list[int] = []
    _cutting.calls_left = after_calls
    try:
        with suppress(Killed):
            yield left
    finally:
        left.append(_cutting.calls_left or 0)
        _cutting.calls_left = None
