"""The configuration of an earlier home loads as it is; each change of meaning is reported once."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.secrets import Secret
from domain.errors import SettingsError
from domain.services.retry_policy import RetryPolicy
from tests.support.config_homes import BRIDGE_ID, OLD_CONFIG, loaded, one_setting, relative

CAPPED = "a record takes up to 16 kB, and the log folder at most 60 MB"
NEVER_DROPPED = "an implausible value is flagged as anomalous, never dropped"
OLD_SECRETS = f"""\
# signed in on a Tuesday
hue:
  api_key: made-up-hue-key
  bridge_id: {BRIDGE_ID.upper()}
nest: {{client_id: 5, client_id: 6, token: !vault xyz}}
weather:
  - not even a section
amazon_aqm:
  cookies:
    session-id: 123-1234567-1234567
    session-id-time: 2082787201
    at-main: '"Atza|made-up"'
    csrf: -123456
    x-main:
"""


def test_old_key_keeps_its_meaning_or_is_reported(tmp_path: Path) -> None:
    result = loaded(tmp_path, OLD_CONFIG, OLD_SECRETS)
    assert [line.partition(": ")[2] for line in result.warnings] == [
        "storage.enable_pooling: has no effect: a process has one writing connection",
        "storage.enable_wal_mode: has no effect: WAL is always tried",
        f"logging.max_bytes: 10,485,760 counts as 10,000,000: {CAPPED}",
        f"validation.allow_out_of_range: has no effect: {NEVER_DROPPED}",
        "collectors.amazon_aqm.timeout_seconds: 30 counts as 18: a source has 18 s in a cycle",
        "collectors.amazon_aqm.max_timeout: 120 counts as 18: a source has 18 s in a cycle",
    ]
    assert relative(result.warnings, tmp_path)[0].startswith("config.yaml:7:19: storage.enable_pooling: ")


def test_old_values_mean_what_they_meant(tmp_path: Path) -> None:
    settings = loaded(tmp_path, OLD_CONFIG, OLD_SECRETS).settings
    hue, aqm = settings.collectors.hue, settings.collectors.amazon_aqm
    assert settings.storage.database_path == tmp_path / "data" / "readings.db"
    assert settings.logging.log_file_path == tmp_path / "logs" / "collection.log"
    assert (settings.logging.max_bytes, settings.logging.backup_count) == (10_000_000, 5)
    assert (hue.enabled, hue.auto_discover, hue.collect_raw_response) == (True, True, False)
    assert (hue.bridge_ip, hue.read, hue.bridges) == (None, "auto", ())
    assert hue.sensor_locations == {"00:17:88:01:02:03:04:05-02-0402": "Living room"}
    assert settings.hue_retry == RetryPolicy(attempts=3, base_s=1.0, multiplier=2.0)
    assert settings.amazon_aqm_retry == RetryPolicy(attempts=3, base_s=1.5, multiplier=2.0)
    assert (aqm.domain, aqm.device_locations) == ("amazon.co.uk", {"GAJ00000000000A1": "Kitchen"})


def test_old_secrets_are_read_and_other_sections_ignored(tmp_path: Path) -> None:
    result = loaded(tmp_path, OLD_CONFIG, OLD_SECRETS)
    assert result.secrets.hue.bridge_id == BRIDGE_ID
    assert result.secrets.amazon_aqm.cookies == {
        "session-id": Secret("123-1234567-1234567"),
        "session-id-time": Secret("2082787201"),
        "at-main": Secret('"Atza|made-up"'),
        "csrf": Secret("-123456"),
    }
    assert [bridge.api_key for bridge in result.bridges] == [Secret("made-up-hue-key")]


def test_oldest_secrets_hold_the_address_of_the_bridge(tmp_path: Path) -> None:
    result = loaded(tmp_path, secrets="hue: {api_key: made-up-hue-key, bridge_ip: 192.168.1.2}\n")
    assert (result.bridges[0].address, result.warnings) == ("192.168.1.2", ())


def test_general_fallback_location_of_the_newest_homes_is_read(tmp_path: Path) -> None:
    result = loaded(tmp_path, "collectors: {general: {fallback_location: Hall}}\n")
    assert (result.settings.collectors.general.fallback_location, result.warnings) == ("Hall", ())


@pytest.mark.parametrize(
    ("written", "counts"), [("auto", "auto"), ("AUTO", "auto"), ("true", True), ("off", False), ("No", False)]
)
def test_thermostats_are_read_by_word_or_boolean(tmp_path: Path, written: str, counts: object) -> None:
    result = loaded(tmp_path, one_setting("collectors.amazon_aqm.collect_nest", written))
    assert (result.settings.collectors.amazon_aqm.collect_nest, result.warnings) == (counts, ())


def test_another_word_for_thermostats_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="must be one of auto, yes, no"):
        loaded(tmp_path, one_setting("collectors.amazon_aqm.collect_nest", "sometimes"))


def test_loading_changes_no_file(tmp_path: Path) -> None:
    loaded(tmp_path, OLD_CONFIG, OLD_SECRETS)
    assert (tmp_path / "config" / "secrets.yaml").read_text() == OLD_SECRETS
    assert (tmp_path / "config" / "config.yaml").read_text() == OLD_CONFIG
    assert {path.name for path in tmp_path.rglob("*")} == {"config", "config.yaml", "secrets.yaml"}


@pytest.mark.parametrize(
    ("path", "value", "warning"),
    [
        ("storage.wal_checkpoint_interval", "0", "0 counts as 1,000"),
        ("storage.wal_checkpoint_interval", "20000", "20,000 counts as 16,384"),
        ("storage.busy_timeout_ms", "30000", "30,000 counts as 8,000"),
        ("storage.retry_max_attempts", "50", "50 counts as 10"),
        ("logging.max_bytes", "0", "0 counts as 10,000,000"),
        ("logging.max_bytes", "1000", "1,000 counts as 65,536"),
        ("logging.backup_count", "20", "20 counts as 5"),
        ("logging.encoding", "latin-1", "has no effect: the log is always UTF-8"),
        ("collection.retry_attempts", "0", "0 counts as 1"),
        ("collectors.hue.retry_backoff_base", "0.5", "0.5 counts as 1"),
        ("collectors.nest.enabled", "yes", "has no effect: there is no such collector"),
        ("collectors.weather.enabled", "on", "has no effect: there is no such collector"),
        ("collectors.hue.collection_interval", "30", "30 s gains nothing"),
        ("collection.interval_seconds", "30", "30 s gains nothing"),
    ],
)
def test_value_that_does_not_count_as_written_is_reported_once(
    tmp_path: Path, path: str, value: str, warning: str
) -> None:
    (reported,) = loaded(tmp_path, one_setting(path, value)).warnings
    assert f"{path}: {warning}" in reported


def test_address_in_old_secrets_counts_without_discovery(tmp_path: Path) -> None:
    secrets = "hue: {api_key: abc, bridge_ip: 192.168.1.20}\n"
    (bridge,) = loaded(tmp_path, "collectors: {hue: {auto_discover: no}}\n", secrets).bridges
    assert bridge.address == "192.168.1.20"


@pytest.mark.parametrize(
    "config",
    [
        "logging: {max_bytes: 1000000, backup_count: 20}",
        "storage: {wal_checkpoint_interval: 500}",
        "collection: {interval_seconds: 60}",
        "collectors: {hue: {enabled: true, collection_interval: 60}}",
        "collection: {interval_seconds: 30}\ncollectors: {hue: {collection_interval: 60}}",
        "collectors: {nest: {timeout_seconds: 120}}",
        "collectors: {hue: {enabled: no, auto_discover: no}}",
    ],
)
def test_value_that_counts_as_written_is_not_reported(tmp_path: Path, config: str) -> None:
    assert loaded(tmp_path, config).warnings == ()


@pytest.mark.parametrize(
    "config", ["collectors:\n  hue:\n  amazon_aqm:\n", "storage: null\nlogging: ~\ncollection:\n"]
)
def test_section_without_keys_has_the_defaults(tmp_path: Path, config: str) -> None:
    assert loaded(tmp_path, config).settings == loaded(tmp_path).settings


def test_level_names_of_python_logging_are_accepted(tmp_path: Path) -> None:
    assert loaded(tmp_path, "logging: {level: warn}").settings.logging.level == "WARNING"
