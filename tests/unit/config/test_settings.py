"""What follows from several settings: intervals, retries, plausible ranges, paths, the fingerprint."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.secrets import AmazonAqmSecrets, BridgeSecrets, HueSecrets, Secret, Secrets
from config.settings import (
    AmazonAqmSettings,
    CollectionSettings,
    CollectorsSettings,
    HueSettings,
    LoggingSettings,
    Settings,
    StorageSettings,
    ValidationSettings,
    fingerprint,
)
from domain.reading import Quantity, Range
from domain.services.retry_policy import RetryPolicy


def test_source_without_an_interval_has_the_general_one() -> None:
    settings = Settings(
        collection=CollectionSettings(interval_seconds=600),
        collectors=CollectorsSettings(hue=HueSettings(collection_interval=120)),
    )
    assert (settings.hue_interval_s, settings.amazon_aqm_interval_s) == (120, 600)


def test_backoff_base_of_hue_multiplies_a_first_delay_of_1_s() -> None:
    settings = Settings(
        collection=CollectionSettings(retry_attempts=4, retry_backoff_base=5.0),
        collectors=CollectorsSettings(hue=HueSettings(retry_backoff_base=3.0)),
    )
    assert settings.hue_retry == RetryPolicy(attempts=4, base_s=1.0, multiplier=3.0)


def test_backoff_base_of_others_is_the_first_delay() -> None:
    settings = Settings(
        collection=CollectionSettings(retry_attempts=4, retry_backoff_base=5.0),
        storage=StorageSettings(retry_max_attempts=2, retry_base_delay=0.5),
        collectors=CollectorsSettings(amazon_aqm=AmazonAqmSettings(retry_attempts=2)),
    )
    assert settings.amazon_aqm_retry == RetryPolicy(attempts=2, base_s=5.0, multiplier=2.0)
    assert settings.storage.retry == RetryPolicy(attempts=2, base_s=0.5, multiplier=2.0)


def test_first_delay_of_zero_is_kept() -> None:
    collectors = CollectorsSettings(amazon_aqm=AmazonAqmSettings(retry_backoff_base=0.0))
    assert Settings(collectors=collectors).amazon_aqm_retry.base_s == 0


def test_plausible_range_is_the_collectors_or_the_general_one() -> None:
    settings = Settings(
        validation=ValidationSettings(indoor_temp_min=5.0, indoor_temp_max=35.0),
        collectors=CollectorsSettings(
            hue=HueSettings(temperature_min=0.0), amazon_aqm=AmazonAqmSettings(humidity_max=90.0)
        ),
    )
    assert settings.hue_plausible == {Quantity.TEMPERATURE: Range(least=0.0, most=35.0)}
    assert settings.amazon_aqm_plausible == {
        Quantity.TEMPERATURE: Range(least=5.0, most=35.0),
        Quantity.RELATIVE_HUMIDITY: Range(least=0.0, most=90.0),
        Quantity.IAQ_SCORE: Range(least=0.0, most=100.0),
    }


def test_request_timeout_is_at_most_max_timeout() -> None:
    assert AmazonAqmSettings(timeout_seconds=18.0, max_timeout=5.0).request_timeout_s == 5.0


def test_relative_paths_are_resolved_against_the_home() -> None:
    settings = Settings(storage=StorageSettings(database_path=Path("/elsewhere/x.db"))).at(Path("/home"))
    assert settings.storage.database_path == Path("/elsewhere/x.db")
    assert settings.logging.log_file_path == Path("/home/logs/homeclimate.log")


HOME, OTHER = Path("/home/anna/climate"), Path("/srv/climate")


@pytest.mark.parametrize("path", ["data/readings.db", "/mnt/slow/readings.db"])
def test_fingerprint_survives_moving_the_home(path: str) -> None:
    settings = Settings(storage=StorageSettings(database_path=Path(path)))
    assert fingerprint(settings.at(HOME), HOME) == fingerprint(settings.at(OTHER), OTHER)


def test_fingerprint_is_the_same_for_an_absolute_path_in_the_home() -> None:
    absolute = Settings(storage=StorageSettings(database_path=HOME / "data" / "readings.db"))
    assert fingerprint(absolute.at(HOME), HOME) == fingerprint(Settings().at(HOME), HOME)


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
def test_fingerprint_changes_with_every_setting(other: Settings) -> None:
    assert fingerprint(other.at(HOME), HOME) != fingerprint(Settings().at(HOME), HOME)


def test_secrets_are_never_formatted_and_all_given_to_a_redactor() -> None:
    names = ("key", "bridge-key", "cookie", "token")
    key, bridge_key, cookie, token = (Secret(f"do-not-show-me-{name}") for name in names)
    secrets = Secrets(
        hue=HueSecrets(api_key=key, bridges=(BridgeSecrets(id="0" * 16, api_key=bridge_key),)),
        amazon_aqm=AmazonAqmSecrets(cookies={"do-not-show-me": cookie}, refresh_token=token),
    )
    for shown in (key, secrets):
        assert "do-not-show-me" not in f"{shown} {shown!r} {[shown]}" + "%s %r" % (shown, shown)  # noqa: UP031 - each way counts
    assert sorted(secrets.values()) == sorted(f"do-not-show-me-{name}" for name in names)
    assert list(Secrets().values()) == []
