"""Homes whose configuration files hold what a test is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.documents.problems import Report
from config.documents.structuring import structure
from config.documents.yaml_document import parse
from config.loading import Loaded, load
from config.settings import Settings
from domain.errors import SettingsError

BRIDGE_ID = "001788fffe123456"
SECRETS = f"hue:\n  api_key: made-up-hue-key\n  bridge_id: {BRIDGE_ID}\n"
CONFIG = "collectors: {}\n"

# A file as homes have them: every key of the earlier system, with the values that its example had.
OLD_CONFIG = """\
collection:
  interval_seconds: 300
  retry_attempts: 3
  retry_backoff_base: 1.0
storage:
  database_path: data/readings.db
  enable_pooling: true
  enable_wal_mode: yes
  wal_checkpoint_interval: 1000
  retry_max_attempts: 3
  retry_base_delay: 1.0
  busy_timeout_ms: 5000
logging:
  level: INFO
  enable_file_logging: on
  log_file_path: logs/collection.log
  max_bytes: 10485760
  backup_count: 5
  encoding: utf-8
validation:
  indoor_temp_min: 0
  indoor_temp_max: 40
  outdoor_temp_min: -40
  outdoor_temp_max: 50
  allow_out_of_range: no
collectors:
  hue:
    enabled: Yes
    timeout_seconds: 10
    bridge_ip: null
    auto_discover: TRUE
    collection_interval: 300
    retry_attempts: 3
    retry_backoff_base: 2
    sensor_locations:
      00:17:88:01:02:03:04:05-02-0402: Living room
    fallback_to_name: true
    temperature_min: 0
    temperature_max: 40
    collect_battery_level: true
    collect_signal_strength: true
    collect_raw_response: off
  amazon_aqm:
    enabled: yes
    domain: amazon.co.uk
    device_serial: GAJ00000000000A1
    timeout_seconds: 30
    collection_interval: 300
    retry_attempts: 3
    retry_backoff_base: 1.5
    max_timeout: 120
    device_locations:
      GAJ00000000000A1: Kitchen
    fallback_location: Unknown
    temperature_min: 0
    temperature_max: 40
    humidity_min: 0
    humidity_max: 100
    iaq_min: 0
    iaq_max: 100
    collect_temperature: true
    collect_humidity: true
    collect_pm25: true
    collect_voc: true
    collect_co: true
    collect_iaq: true
    collect_connectivity: true
    collect_raw_response: false
  nest:
    enabled: false
    timeout_seconds: 10
  weather:
    enabled: false
    timeout_seconds: 30
"""


def write_home(
    home: Path, config: str | bytes | None = CONFIG, secrets: str | bytes | None = SECRETS
) -> Path:
    """The home, with those files in its config folder; None leaves a file out."""
    folder = home / "config"
    folder.mkdir(parents=True, exist_ok=True)
    for path, content in ((folder / "config.yaml", config), (folder / "secrets.yaml", secrets)):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            path.chmod(0o600)
    return home


def one_setting(path: str, value: str) -> str:
    """Return a config.yaml with one key, given its dotted path."""
    *sections, key = path.split(".")
    lines = [f"{'  ' * depth}{name}:" for depth, name in enumerate(sections)]
    return "\n".join([*lines, f"{'  ' * len(sections)}{key}: {value}\n"])


def settings_of(text: str) -> Settings:
    """Return the settings of a valid config.yaml."""
    report = Report()
    document = parse(text, "config.yaml", report)
    settings = None if document is None else structure(document, Settings, report)
    assert settings is not None, report.problems
    return settings


def loaded(home: Path, config: str | bytes = CONFIG, secrets: str | bytes | None = SECRETS) -> Loaded:
    """What loading a home with those files gives."""
    return load(write_home(home, config, secrets))


def faults(
    home: Path,
    config: str | bytes | None = CONFIG,
    secrets: str | bytes | None = SECRETS,
    env: str | None = None,
) -> list[str]:
    """What loading a home with those files complains of, with paths relative to its config folder."""
    write_home(home, config, secrets)
    with pytest.raises(SettingsError) as caught:
        load(home, env=env)
    return relative(str(caught.value).splitlines(), home)


def relative(lines: list[str] | tuple[str, ...], home: Path) -> list[str]:
    return [line.replace(f"{home / 'config'}/", "") for line in lines]
