"""A healthy home, and a copy of it for each test to break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.sick_homes import SickHome, copied, well_home

ReadOut = Callable[[], tuple[str, str]]


@pytest.fixture(scope="session")
def well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SickHome]:
    with well_home(tmp_path_factory.mktemp("well") / "home") as home:
        yield home


@pytest.fixture
def home(well: SickHome, tmp_path: Path) -> SickHome:
    return copied(well, tmp_path / "home")


@pytest.fixture
def read_out(capfd: pytest.CaptureFixture[str]) -> ReadOut:
    """Return what was written to stdout and stderr since the last call."""
    return capfd.readouterr
