"""Eight processes on one file, with readers: the short form of `./run bench many_writers`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.many_writers import WRITERS, write_and_read
from tests.support.databases import rows


@pytest.mark.proof
def test_many_writers_and_a_reader_meet_no_locked_database(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    codes, stored, looks, _ = write_and_read(path, 20)
    assert codes == [0] * WRITERS
    assert stored == 20 * WRITERS
    assert looks > 0
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
