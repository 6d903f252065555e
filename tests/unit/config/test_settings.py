"""What the settings say together: intervals, retries, plausible ranges."""

from __future__ import annotations

from pathlib import Path

from config.collector_settings import AmazonAqmSettings, CollectorsSettings, HueSettings
from config.kinds import Backoff
from config.settings import CollectionSettings, Settings, StorageSettings, ValidationSettings
from domain.reading import Quantity, Range


def test_a_source_without_its_own_interval_has_the_general_one() -> None:
    settings = Settings(
        collection=CollectionSettings(interval_seconds=600),
        collectors=CollectorsSettings(hue=HueSettings(collection_interval=120)),
    )
    assert (settings.hue_interval_s, settings.amazon_aqm_interval_s) == (120, 600)


def test_for_hue_the_backoff_base_is_the_multiplier_of_a_first_delay_of_one_second() -> None:
    settings = Settings(
        collection=CollectionSettings(retry_attempts=4, retry_backoff_base=5.0),
        collectors=CollectorsSettings(hue=HueSettings(retry_backoff_base=3.0)),
    )
    assert settings.hue_retry == Backoff(attempts=4, base_s=1.0, multiplier=3.0)


def test_elsewhere_the_backoff_base_is_the_first_delay_which_doubles() -> None:
    settings = Settings(
        collection=CollectionSettings(retry_attempts=4, retry_backoff_base=5.0),
        storage=StorageSettings(retry_max_attempts=2, retry_base_delay=0.5),
        collectors=CollectorsSettings(amazon_aqm=AmazonAqmSettings(retry_attempts=2)),
    )
    assert settings.amazon_aqm_retry == Backoff(attempts=2, base_s=5.0, multiplier=2.0)
    assert settings.storage.retry == Backoff(attempts=2, base_s=0.5, multiplier=2.0)


def test_a_first_delay_of_zero_is_not_taken_for_an_absent_one() -> None:
    collectors = CollectorsSettings(amazon_aqm=AmazonAqmSettings(retry_backoff_base=0.0))
    assert Settings(collectors=collectors).amazon_aqm_retry.base_s == 0


def test_a_plausible_temperature_is_the_collectors_own_or_that_of_a_room() -> None:
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


def test_a_request_takes_no_longer_than_max_timeout() -> None:
    assert AmazonAqmSettings(timeout_seconds=18.0, max_timeout=5.0).request_timeout_s == 5.0


def test_relative_paths_are_taken_from_the_home_and_absolute_ones_kept() -> None:
    settings = Settings(storage=StorageSettings(database_path=Path("/elsewhere/x.db"))).at(Path("/home"))
    assert settings.storage.database_path == Path("/elsewhere/x.db")
    assert settings.logging.log_file_path == Path("/home/logs/homeclimate.log")
