"""What every turn to look after the store promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.files.locks import UpkeepLock
from adapters.memory.upkeep import MemoryUpkeepLease
from ports.upkeep import UpkeepLease

Pair = tuple[UpkeepLease, UpkeepLease]


def _in_memory(_: Path) -> Pair:
    first = MemoryUpkeepLease()
    return first, MemoryUpkeepLease(first)


def _on_disk(folder: Path) -> Pair:
    return UpkeepLock(folder / "upkeep.lock"), UpkeepLock(folder / "upkeep.lock")


@pytest.mark.parametrize("make", [_in_memory, _on_disk])
def test_one_at_a_time_has_the_turn(make: Callable[[Path], Pair], tmp_path: Path) -> None:
    first, second = make(tmp_path)
    assert first.acquire()
    assert first.acquire(), "who has it has it"
    assert not second.acquire()
    first.release()
    first.release()
    assert second.acquire()
    second.release()


def test_where_no_file_can_be_made_nobody_has_the_turn(tmp_path: Path) -> None:
    assert not UpkeepLock(tmp_path / "nowhere" / "upkeep.lock").acquire()
