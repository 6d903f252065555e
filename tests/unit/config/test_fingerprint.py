"""What makes a configuration another one, and what does not."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from config.collector_settings import CollectorsSettings, HueSettings
from config.fingerprint import fingerprint
from config.settings import LoggingSettings, Settings, StorageSettings

HOME, OTHER = Path("/home/anna/climate"), Path("/srv/climate")


def test_a_home_that_was_moved_has_the_same() -> None:
    assert fingerprint(Settings().at(HOME), HOME) == fingerprint(Settings().at(OTHER), OTHER)


def test_what_is_written_with_the_whole_path_is_the_same_as_what_is_not() -> None:
    whole = Settings(storage=StorageSettings(database_path=HOME / "data" / "readings.db"))
    assert fingerprint(whole.at(HOME), HOME) == fingerprint(Settings().at(OTHER), OTHER)


@pytest.mark.parametrize(
    "other",
    [
        Settings(storage=StorageSettings(database_path=Path("/mnt/slow/readings.db"))),
        Settings(storage=StorageSettings(database_path=Path("data/other.db"))),
        Settings(logging=LoggingSettings(log_file_path=Path("/var/log/homeclimate.log"))),
        Settings(collectors=CollectorsSettings(hue=HueSettings(read="v1"))),
        Settings(collectors=CollectorsSettings(hue=HueSettings(sensor_locations={"a": "data"}))),
    ],
)
def test_what_is_set_otherwise_makes_another(other: Settings) -> None:
    assert fingerprint(other.at(HOME), HOME) != fingerprint(Settings().at(HOME), HOME)


def test_another_disk_is_the_same_wherever_the_home_is() -> None:
    there = attrs.evolve(Settings(), storage=StorageSettings(database_path=Path("/mnt/slow/readings.db")))
    assert fingerprint(there.at(HOME), HOME) == fingerprint(there.at(OTHER), OTHER)
