"""What every place for baselines promises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.memory.stored_data import MemoryBaselines
from domain.errors import BaselineExists
from domain.measurements import Baseline, Figure, Kind
from ports.stored_data import Baselines
from tests.support.baselines import a_baseline, sqlite_baselines
from tests.support.builders import NOON
from tests.support.databases import a_store


@pytest.fixture(params=["memory", "sqlite"])
def baselines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Baselines]:
    if request.param == "memory":
        yield MemoryBaselines()
        return
    store = a_store(tmp_path / "readings.db")
    store.open()
    store.close()
    with sqlite_baselines(tmp_path / "readings.db") as kept:
        yield kept


def test_a_saved_baseline_is_found_unchanged(baselines: Baselines) -> None:
    kept = a_baseline(
        "an old bridge, 2026 é",
        {Figure(Kind.CYCLE_S, "amazon+hue"): (0.123456, 2.0), Figure(Kind.ATTEMPTS, "hue"): (1.0, 3.0)},
        machine="x86_64",
    )
    baselines.save(kept)
    assert baselines.find("an old bridge, 2026 é") == kept
    assert baselines.all() == [kept]


def test_an_empty_home_has_no_baselines(baselines: Baselines) -> None:
    assert baselines.find("a") is None
    assert list(baselines.all()) == []
    assert baselines.remove("a") is False


def test_a_name_is_taken_unless_it_is_replaced(baselines: Baselines) -> None:
    first, second = a_baseline("a"), attrs.evolve(a_baseline("a"), cycles=99)
    baselines.save(first)
    with pytest.raises(BaselineExists, match="--replace"):
        baselines.save(second)
    assert baselines.find("a") == first
    baselines.save(second, replace=True)
    assert baselines.all() == [second]


def test_the_newest_baseline_is_last(baselines: Baselines) -> None:
    def captured(name: str, days: int) -> Baseline:
        return attrs.evolve(a_baseline(name), captured_at=NOON + timedelta(days=days))

    for one in (captured("b", 3), captured("c", 1), captured("a", 2)):
        baselines.save(one)
    assert [one.name for one in baselines.all()] == ["c", "a", "b"]


def test_removing_one_baseline_leaves_the_others(baselines: Baselines) -> None:
    for name in ("a", "b"):
        baselines.save(a_baseline(name))
    assert baselines.remove("a") is True
    assert baselines.remove("a") is False
    assert [one.name for one in baselines.all()] == ["b"]
