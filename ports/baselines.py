"""Where baselines are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.baseline import Baseline


class Baselines(Protocol):
    """Keeps baselines by name, for good; every process of the home sees the same. Blocks.

    Each call raises `StoreError` when the database is in trouble, or a baseline is not what was kept.
    """

    def keep(self, baseline: Baseline, *, replacing: bool = False) -> None:
        """Keep it, durably. Raises `BaselineExists` where there is one by that name, unless `replacing`."""
        ...

    def find(self, name: str) -> Baseline | None:
        """The one by that name; None where there is none."""
        ...

    def every(self) -> Sequence[Baseline]:
        """All of them, the one that was captured last at the end."""
        ...

    def remove(self, name: str) -> bool:
        """Let go of the one by that name, readable or not; whether there was one."""
        ...
