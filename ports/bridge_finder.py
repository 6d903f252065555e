"""Looking for the Hue bridges of a home."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.values import frozen


@frozen(kw_only=True)
class Announced:
    """A bridge as it was announced: nothing of it is proved. `bridge_id` is in lower case."""

    address: str
    bridge_id: str | None = None
    model: str | None = None


class BridgeFinder(Protocol):
    """Asks whoever may know where bridges are. Blocks."""

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[Announced]:
        """The bridges that are announced, each once, in the order of their ids; after `timeout_s` at most.

        With a `bridge_id` it returns as soon as that one is found; others may come along. Raises SourceError
        when nobody can be asked.
        """
        ...
