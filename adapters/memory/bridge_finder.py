"""Bridges that are announced as they were told to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.errors import SourceError
from ports.bridge_finder import Announced


class MemoryBridgeFinder:
    """Finds what it was given, at once; a SourceError that it was given is raised.

    `looked_for` keeps the ids that were asked for, None for a look around.
    """

    def __init__(self, announced: Iterable[Announced] | SourceError = ()) -> None:
        self._announced = announced if isinstance(announced, SourceError) else tuple(announced)
        self.looked_for: list[str | None] = []

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[Announced]:  # noqa: ARG002
        self.looked_for.append(bridge_id)
        if isinstance(self._announced, SourceError):
            raise self._announced
        by_id = {one.bridge_id or one.address: one for one in reversed(self._announced)}
        return tuple(by_id[each] for each in sorted(by_id))
