"""What the program learns by itself and must know in its next run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class State(Protocol):
    """Small JSON objects by key: found addresses, learned identities. Losing them costs only requests."""

    def get(self, key: str) -> Mapping[str, Json]:
        """What was last put under the key; empty when nothing was, or when it cannot be read."""
        ...

    def put(self, key: str, value: Mapping[str, Json]) -> None:
        """Keep the value under the key, in place of what was there. Never raises, not for a full disk."""
        ...
