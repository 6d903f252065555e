"""State that is read from elsewhere, and whose changes nobody else sees."""

from __future__ import annotations

from collections.abc import Mapping

from ports.state import Json, State


class StateCopy:
    """For whoever looks and must not leave anything behind: what is put stays here."""

    def __init__(self, original: State) -> None:
        self._original = original
        self._own: dict[str, Mapping[str, Json]] = {}

    def get(self, key: str) -> Mapping[str, Json]:
        return self._own[key] if key in self._own else self._original.get(key)

    def put(self, key: str, value: Mapping[str, Json]) -> None:
        self._own[key] = value
