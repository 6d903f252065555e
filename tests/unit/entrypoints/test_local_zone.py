"""The system's zone, also where it has no name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from entrypoints.wiring.storage import local_zone


@pytest.fixture
def restored_zone() -> Iterator[None]:
    yield
    time.tzset()


@pytest.mark.parametrize(("text", "hours"), [("UTC+3", -3), ("<+0530>-5:30", 5.5), ("Foo/Bar", 0)])
def test_a_rule_instead_of_a_name_gives_its_offset(
    monkeypatch: pytest.MonkeyPatch, restored_zone: None, text: str, hours: float
) -> None:
    monkeypatch.setenv("TZ", text)
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)
    time.tzset()
    assert local_zone().utcoffset(None) == timedelta(hours=hours)
