"""Saved state in memory."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from ports.state import Json


class MemoryState:
    """A state that copies values in and out."""

    def __init__(self) -> None:
        self._values: dict[str, Mapping[str, Json]] = {}

    def get(self, key: str) -> Mapping[str, Json]:
        return deepcopy(self._values.get(key, {}))

    def put(self, key: str, value: Mapping[str, Json]) -> None:
        self._values[key] = deepcopy(value)
