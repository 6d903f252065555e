"""What follows from several settings: intervals, retries, plausible ranges, paths, the fingerprint."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.refresh_token import RefreshToken
from config.secrets import AmazonAqmSecrets, BridgeSecrets, HueSecrets, Secret, Secrets
from config.settings import Settings, fingerprint
from domain.reading import Quantity, Range
from domain.services.retry_policy import RetryPolicy
from tests.support.config_homes import one_setting, settings_of

HOME, OTHER = Path("/home/anna/climate"), Path("/srv/climate")


def test_source_without_an_interval_has_the_general_one() -> None:
    settings = settings_of(
        "{collection: {interval_seconds: 600}, collectors: {hue: {collection_interval: 120}}}"
    )
    assert (settings.hue_interval_s, settings.amazon_aqm_interval_s) == (120, 600)


@pytest.mark.parametrize(
    ("own", "hue", "amazon"),
    [
        ("{}", RetryPolicy(attempts=4, base_s=1.0, multiplier=2.0), RetryPolicy(attempts=4, base_s=5.0)),
        ("{retry_attempts: 2}", RetryPolicy(attempts=2), RetryPolicy(attempts=2, base_s=5.0)),
        (
            "{retry_backoff_base: 3}",
            RetryPolicy(attempts=4, multiplier=3.0),
            RetryPolicy(attempts=4, base_s=3.0),
        ),
    ],
)
def test_backoff_base_is_the_multiplier_of_hue_and_the_first_delay_of_others(
    own: str, hue: RetryPolicy, amazon: RetryPolicy
) -> None:
    general = "collection: {retry_attempts: 4, retry_backoff_base: 5}"
    settings = settings_of(f"{{{general}, collectors: {{hue: {own}, amazon_aqm: {own}}}}}")
    assert (settings.hue_retry, settings.amazon_aqm_retry) == (hue, amazon)


def test_store_has_a_retry_policy_of_its_own() -> None:
    storage = settings_of("storage: {retry_max_attempts: 2, retry_base_delay: 0.5}").storage
    assert storage.retry == RetryPolicy(attempts=2, base_s=0.5, multiplier=2.0)


def test_first_delay_of_zero_is_kept() -> None:
    settings = settings_of(one_setting("collectors.amazon_aqm.retry_backoff_base", "0"))
    assert settings.amazon_aqm_retry.base_s == 0


def test_plausible_range_is_the_collectors_or_the_general_one() -> None:
    settings = settings_of(
        "validation: {indoor_temp_min: 5, indoor_temp_max: 35}\n"
        "collectors: {hue: {temperature_min: 0}, amazon_aqm: {humidity_max: 90}}\n"
    )
    assert settings.hue_plausible == {Quantity.TEMPERATURE: Range(least=0.0, most=35.0)}
    assert settings.amazon_aqm_plausible == {
        Quantity.TEMPERATURE: Range(least=5.0, most=35.0),
        Quantity.RELATIVE_HUMIDITY: Range(least=0.0, most=90.0),
        Quantity.IAQ_SCORE: Range(least=0.0, most=100.0),
    }


def test_request_timeout_is_at_most_max_timeout() -> None:
    settings = settings_of(one_setting("collectors.amazon_aqm.max_timeout", "5"))
    assert settings.collectors.amazon_aqm.request_timeout_s == 5.0


def test_relative_paths_are_resolved_against_the_home() -> None:
    settings = settings_of(one_setting("storage.database_path", "/elsewhere/x.db")).at(HOME)
    assert settings.storage.database_path == Path("/elsewhere/x.db")
    assert settings.logging.log_file_path == HOME / "logs" / "homeclimate.log"


@pytest.mark.parametrize("path", ["data/readings.db", "/mnt/slow/readings.db"])
def test_fingerprint_survives_moving_the_home(path: str) -> None:
    settings = settings_of(one_setting("storage.database_path", path))
    assert fingerprint(settings.at(HOME), HOME) == fingerprint(settings.at(OTHER), OTHER)


@pytest.mark.parametrize(
    ("path", "value", "is_same"),
    [
        ("storage.database_path", f"{HOME}/data/readings.db", True),
        ("storage.database_path", "/mnt/slow/readings.db", False),
        ("storage.database_path", "data/other.db", False),
        ("logging.log_file_path", "/var/log/homeclimate.log", False),
        ("collectors.hue.read", "v1", False),
        ("collectors.hue.sensor_locations.a", "data", False),
    ],
)
def test_fingerprint_changes_with_every_setting(path: str, value: str, is_same: bool) -> None:
    changed = fingerprint(settings_of(one_setting(path, value)).at(HOME), HOME)
    assert (changed == fingerprint(Settings().at(HOME), HOME)) is is_same


def test_secrets_are_never_formatted_and_all_given_to_a_redactor() -> None:
    names = ("key", "bridge-key", "cookie", "token")
    key, bridge_key, cookie, _ = (Secret(f"do-not-show-me-{name}") for name in names)
    token = RefreshToken(value="do-not-show-me-token", written="do-not-show-me-token")
    secrets = Secrets(
        hue=HueSecrets(api_key=key, bridges=(BridgeSecrets(id="0" * 16, api_key=bridge_key),)),
        amazon_aqm=AmazonAqmSecrets(cookies={"do-not-show-me": cookie}, refresh_token=token),
    )
    for shown in (key, secrets):
        assert "do-not-show-me" not in f"{shown} {shown!r} {[shown]}" + "%s %r" % (shown, shown)  # noqa: UP031 - each way counts
    assert sorted(secrets.values()) == sorted(f"do-not-show-me-{name}" for name in names)
    assert list(Secrets().values()) == []
