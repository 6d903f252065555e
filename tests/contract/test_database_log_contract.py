"""What everything promises that tells the length of a database's log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.memory.upkeep import MemoryDatabaseLog
from adapters.sqlite.wal import WalFile
from ports.upkeep import DatabaseLog

Make = Callable[[Path, int | None], DatabaseLog]


def _in_memory(_: Path, size: int | None) -> DatabaseLog:
    return MemoryDatabaseLog(size)


def _on_disk(folder: Path, size: int | None) -> DatabaseLog:
    if size:
        (folder / "readings.db-wal").write_bytes(b"x" * size)
    if size is None:
        (folder / "loop").symlink_to(folder / "loop")
    return WalFile((folder / "loop" if size is None else folder) / "readings.db")


@pytest.mark.parametrize("make", [_in_memory, _on_disk])
@pytest.mark.parametrize("size", [0, 4096, None])
def test_the_length_of_the_log_is_known_or_none(make: Make, size: int | None, tmp_path: Path) -> None:
    assert make(tmp_path, size).size_bytes() == size
