"""What every upkeep promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.memory.upkeep import MemoryUpkeep
from adapters.sqlite.care.upkeep import SqliteUpkeep
from domain.errors import StoreError
from ports.upkeep import BackedUp, Checked, Upkeep
from tests.support.builders import NOON, a_cycle
from tests.support.databases import a_store


def _in_memory(_: Path) -> Upkeep:
    return MemoryUpkeep()


def _on_sqlite(path: Path) -> Upkeep:
    return SqliteUpkeep(path, state=MemoryState(), journal=MemoryJournal(), clock=MemoryClock(NOON))


@pytest.fixture(params=[_in_memory, _on_sqlite], ids=["memory", "sqlite"])
def upkeep(request: pytest.FixtureRequest, tmp_path: Path) -> Upkeep:
    store = a_store(tmp_path / "readings.db")
    store.append(a_cycle())
    store.close()
    made: Upkeep = request.param(tmp_path / "readings.db")
    return made


async def test_a_sound_store_is_found_sound(upkeep: Upkeep) -> None:
    assert await upkeep.check() == Checked()


async def test_a_backup_has_a_name_and_a_size(upkeep: Upkeep) -> None:
    made = await upkeep.back_up()
    assert isinstance(made, BackedUp)
    assert made.file
    assert made.size_bytes > 0


async def test_a_backup_that_was_made_can_be_merged(upkeep: Upkeep) -> None:
    await upkeep.back_up()
    restored = await upkeep.restore()
    assert restored is not None
    assert restored.endswith(".db")


async def test_tidying_twice_is_tidying_once(upkeep: Upkeep) -> None:
    await upkeep.tidy()
    await upkeep.tidy()
    assert await upkeep.check() == Checked()


async def test_a_failure_is_a_store_error(tmp_path: Path) -> None:
    on_memory = MemoryUpkeep()
    on_memory.fault = StoreError("not now")
    for upkeep in (on_memory, _on_sqlite(tmp_path / "nowhere" / "readings.db")):
        for ask in (upkeep.check, upkeep.back_up, upkeep.tidy):
            with pytest.raises(StoreError):
                await ask()
