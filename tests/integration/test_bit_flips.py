"""A bit that flips on the disk in a reading or a ledger row is found."""

from __future__ import annotations

import random
from pathlib import Path

from tests.support.damaged import a_home_with_checksums, dump, flip, is_reported


def test_every_bit_flip_in_a_reading_or_ledger_row_is_found(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    a_home_with_checksums(path, 40)
    sound = dump(path)
    assert sound is not None
    assert not is_reported(path)
    original, chance = path.read_bytes(), random.Random(20260301)  # noqa: S311 - repeatable
    flips = [flip(original, sound, tmp_path / "damaged.db", chance) for _ in range(40)]
    assert [one for one in flips if one.must_be_reported and not one.reported] == []
    assert sum(one.must_be_reported for one in flips) > 5
