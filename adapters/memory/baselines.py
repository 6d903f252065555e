"""Baselines that are gone with the process."""

from __future__ import annotations

from collections.abc import Sequence

from domain.baseline import Baseline
from domain.errors import BaselineExists


class MemoryBaselines:
    """Keeps baselines by name."""

    def __init__(self) -> None:
        self._kept: dict[str, Baseline] = {}

    def keep(self, baseline: Baseline, *, replacing: bool = False) -> None:
        if baseline.name in self._kept and not replacing:
            raise BaselineExists(f"there is a baseline {baseline.name} already; --replace takes its place")
        self._kept[baseline.name] = baseline

    def find(self, name: str) -> Baseline | None:
        return self._kept.get(name)

    def every(self) -> Sequence[Baseline]:
        return sorted(self._kept.values(), key=lambda one: (one.captured_at, one.name))

    def remove(self, name: str) -> bool:
        return self._kept.pop(name, None) is not None
