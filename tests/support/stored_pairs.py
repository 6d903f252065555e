"""A store and what reads from it, in memory and on SQLite: the fixture of their contract tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from adapters.memory.store import MemoryStore
from domain.reading import Reading
from ports.store import Store
from tests.support.builders import NOON, a_collected, a_cycle, a_due
from tests.support.databases import a_store

T = TypeVar("T")


def pair_fixture(
    in_memory: Callable[[MemoryStore], T], in_sqlite: Callable[[Path], T]
) -> Callable[..., Iterator[tuple[Store, T]]]:
    """Return the fixture `pair`: a store that can be read from, though nothing is in it, and its reader."""

    @pytest.fixture(params=["memory", "sqlite"])
    def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, T]]:
        path = tmp_path / "readings.db"
        memory = MemoryStore()
        is_memory = request.param == "memory"
        store: Store = memory if is_memory else a_store(path)
        reader = in_memory(memory) if is_memory else in_sqlite(path)
        store.progress("hue", NOON)
        yield store, reader
        store.close()

    return pair


def keep(store: Store, *readings: Reading) -> None:
    """Store each reading in a cycle of its own slot."""
    for reading in readings:
        store.append(a_cycle(a_collected(reading, due=a_due(slot=reading.collected_at))))
