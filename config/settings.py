"""The settings of a home with their defaults, named as in config.yaml; default.yaml explains them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs

from config.setting_types import (
    LARGEST_LOG_FILE_BYTES,
    AbsentCollector,
    Address,
    AllowOutOfRange,
    AmazonDomain,
    Attempts,
    BackupBytes,
    BridgeId,
    BusyTimeout,
    Celsius,
    CertificateSha256,
    CheckpointPages,
    Count,
    FirstDelay,
    HttpsUrl,
    Interval,
    LogEncoding,
    LogFileBytes,
    Multiplier,
    NotNegative,
    Percent,
    Pooling,
    Port,
    Seconds,
    StoreDelay,
    Timeout,
    WalMode,
    Zone,
)
from domain.reading import Quantity, Range
from domain.services.retry_policy import RetryPolicy

HueRead = Literal["auto", "v2", "v1", "whole_bridge"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
MailSecurity = Literal["starttls", "tls", "none"]
ReportMail = Literal["never", "weekly"]
_USUAL_MAIL_PORTS: Mapping[MailSecurity, int] = {"starttls": 587, "tls": 465, "none": 25}
_HUE_FIRST_DELAY_S = 1.0
_FINGERPRINT_LENGTH = 12


@attrs.frozen(kw_only=True)
class CollectionSettings:
    interval_seconds: Interval = 300
    retry_attempts: Attempts = 3
    retry_backoff_base: FirstDelay = 1.0


@attrs.frozen(kw_only=True)
class StorageSettings:
    database_path: Path = Path("data/readings.db")
    naive_zone: Zone | None = None
    enable_pooling: Pooling = True
    enable_wal_mode: WalMode = True
    wal_checkpoint_interval: CheckpointPages = 1000
    retry_max_attempts: Attempts = 3
    retry_base_delay: StoreDelay = 1.0
    busy_timeout_ms: BusyTimeout = 5000

    @property
    def retry(self) -> RetryPolicy:
        return RetryPolicy(attempts=self.retry_max_attempts, base_s=self.retry_base_delay)


@attrs.frozen(kw_only=True)
class BackupsSettings:
    """Without a folder no copy is made; `max_bytes` is for the backups, and for the copies, each."""

    max_bytes: BackupBytes | None = None
    copy_to: Path | None = None


@attrs.frozen(kw_only=True)
class LoggingSettings:
    level: LogLevel = "INFO"
    enable_file_logging: bool = True
    log_file_path: Path = Path("logs/homeclimate.log")
    max_bytes: LogFileBytes = LARGEST_LOG_FILE_BYTES
    backup_count: NotNegative = 5
    encoding: LogEncoding = "utf-8"


@attrs.frozen(kw_only=True)
class ValidationSettings:
    indoor_temp_min: Celsius = 0.0
    indoor_temp_max: Celsius = 40.0
    outdoor_temp_min: Celsius = -40.0
    outdoor_temp_max: Celsius = 50.0
    allow_out_of_range: AllowOutOfRange = True


@attrs.frozen(kw_only=True)
class BridgeSettings:
    """One of several Hue bridges."""

    id: BridgeId
    address: Address | None = None
    certificate_sha256: CertificateSha256 | None = None


@attrs.frozen(kw_only=True)
class HueSettings:
    enabled: bool = True
    read: HueRead = "auto"
    bridge_ip: Address | None = None
    bridges: tuple[BridgeSettings, ...] = ()
    auto_discover: bool = True
    timeout_seconds: Timeout = 10.0
    collection_interval: Interval | None = None
    retry_attempts: Attempts | None = None
    retry_backoff_base: Multiplier = 2.0
    sensor_locations: Mapping[str, str] = attrs.field(factory=dict)
    fallback_to_name: bool = True
    temperature_min: Celsius | None = None
    temperature_max: Celsius | None = None
    collect_battery_level: bool = True
    collect_signal_strength: bool = True
    collect_raw_response: bool = False


@attrs.frozen(kw_only=True)
class AmazonAqmSettings:
    enabled: bool = False
    domain: AmazonDomain = "amazon.com"
    alexa_url: HttpsUrl | None = None
    api_url: HttpsUrl | None = None
    www_url: HttpsUrl | None = None
    device_serial: str | None = None
    timeout_seconds: Timeout = 18.0
    collection_interval: Interval | None = None
    retry_attempts: Attempts | None = None
    retry_backoff_base: FirstDelay | None = None
    max_timeout: Timeout = 18.0
    device_locations: Mapping[str, str] = attrs.field(factory=dict)
    fallback_location: str | None = None
    temperature_min: Celsius | None = None
    temperature_max: Celsius | None = None
    humidity_min: Percent = 0.0
    humidity_max: Percent = 100.0
    iaq_min: Percent = 0.0
    iaq_max: Percent = 100.0
    collect_temperature: bool = True
    collect_humidity: bool = True
    collect_pm25: bool = True
    collect_voc: bool = True
    collect_co: bool = True
    collect_iaq: bool = True
    collect_connectivity: bool = True
    collect_raw_response: bool = False
    collect_nest: Literal["auto", True, False] = "auto"

    @property
    def request_timeout_s(self) -> float:
        return min(self.timeout_seconds, self.max_timeout)

    @property
    def quantities(self) -> frozenset[Quantity]:
        """The quantities of a monitor that are stored."""
        wanted = {
            Quantity.TEMPERATURE: self.collect_temperature,
            Quantity.RELATIVE_HUMIDITY: self.collect_humidity,
            Quantity.PM25: self.collect_pm25,
            Quantity.PM10: self.collect_pm25,
            Quantity.VOC_INDEX: self.collect_voc,
            Quantity.CARBON_MONOXIDE: self.collect_co,
            Quantity.IAQ_SCORE: self.collect_iaq,
        }
        return frozenset(quantity for quantity, is_wanted in wanted.items() if is_wanted)


@attrs.frozen(kw_only=True)
class AbsentCollectorSettings:
    """A section of earlier versions, for a collector that was never written."""

    enabled: AbsentCollector = False
    timeout_seconds: Seconds = 10.0


@attrs.frozen(kw_only=True)
class GeneralCollectorSettings:
    fallback_location: str | None = None

    @property
    def location_of_unnamed(self) -> str:
        return self.fallback_location or "unknown"


@attrs.frozen(kw_only=True)
class CollectorsSettings:
    general: GeneralCollectorSettings = attrs.field(factory=GeneralCollectorSettings)
    hue: HueSettings = attrs.field(factory=HueSettings)
    amazon_aqm: AmazonAqmSettings = attrs.field(factory=AmazonAqmSettings)
    nest: AbsentCollectorSettings = attrs.field(factory=AbsentCollectorSettings)
    weather: AbsentCollectorSettings = attrs.field(factory=AbsentCollectorSettings)


@attrs.frozen(kw_only=True)
class MailSettings:
    """Without a host no mail is sent."""

    host: str | None = None
    port: Port | None = None
    security: MailSecurity = "starttls"
    username: str | None = None
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    ca_file: Path | None = None

    @property
    def usual_port(self) -> int:
        return self.port or _USUAL_MAIL_PORTS[self.security]


@attrs.frozen(kw_only=True)
class AlertsSettings:
    silent_cycles: Count = 3
    silent_device_cycles: Count = 12
    mail: MailSettings = attrs.field(factory=MailSettings)


@attrs.frozen(kw_only=True)
class ReportSettings:
    """When the report of the last week is mailed with `alerts.mail`."""

    mail: ReportMail = "never"


@attrs.frozen(kw_only=True)
class Settings:
    """All settings of a home, within the budgets of a cycle."""

    collection: CollectionSettings = attrs.field(factory=CollectionSettings)
    storage: StorageSettings = attrs.field(factory=StorageSettings)
    backups: BackupsSettings = attrs.field(factory=BackupsSettings)
    logging: LoggingSettings = attrs.field(factory=LoggingSettings)
    validation: ValidationSettings = attrs.field(factory=ValidationSettings)
    collectors: CollectorsSettings = attrs.field(factory=CollectorsSettings)
    alerts: AlertsSettings = attrs.field(factory=AlertsSettings)
    report: ReportSettings = attrs.field(factory=ReportSettings)

    def at(self, home: Path) -> Settings:
        """Return these settings with their relative paths resolved against the home, which is absolute."""
        storage, logging, mail = self.storage, self.logging, self.alerts.mail
        ca_file = None if mail.ca_file is None else home / mail.ca_file
        copy_to = None if self.backups.copy_to is None else home / self.backups.copy_to
        return attrs.evolve(
            self,
            storage=attrs.evolve(storage, database_path=home / storage.database_path),
            backups=attrs.evolve(self.backups, copy_to=copy_to),
            logging=attrs.evolve(logging, log_file_path=home / logging.log_file_path),
            alerts=attrs.evolve(self.alerts, mail=attrs.evolve(mail, ca_file=ca_file)),
        )

    @property
    def hue_interval_s(self) -> int:
        return self.collectors.hue.collection_interval or self.collection.interval_seconds

    @property
    def amazon_aqm_interval_s(self) -> int:
        return self.collectors.amazon_aqm.collection_interval or self.collection.interval_seconds

    @property
    def hue_retry(self) -> RetryPolicy:
        hue = self.collectors.hue
        return RetryPolicy(
            attempts=hue.retry_attempts or self.collection.retry_attempts,
            base_s=_HUE_FIRST_DELAY_S,
            multiplier=hue.retry_backoff_base,
        )

    @property
    def amazon_aqm_retry(self) -> RetryPolicy:
        aqm, general = self.collectors.amazon_aqm, self.collection
        base_s = aqm.retry_backoff_base
        return RetryPolicy(
            attempts=aqm.retry_attempts or general.retry_attempts,
            base_s=general.retry_backoff_base if base_s is None else base_s,
        )

    @property
    def hue_plausible(self) -> Mapping[Quantity, Range]:
        """The values of a Hue sensor that are not flagged as anomalous."""
        hue = self.collectors.hue
        return {Quantity.TEMPERATURE: self._celsius(hue.temperature_min, hue.temperature_max)}

    @property
    def amazon_aqm_plausible(self) -> Mapping[Quantity, Range]:
        """The values of a monitor that are not flagged as anomalous."""
        aqm = self.collectors.amazon_aqm
        return {
            Quantity.TEMPERATURE: self._celsius(aqm.temperature_min, aqm.temperature_max),
            Quantity.RELATIVE_HUMIDITY: Range(least=aqm.humidity_min, most=aqm.humidity_max),
            Quantity.IAQ_SCORE: Range(least=aqm.iaq_min, most=aqm.iaq_max),
        }

    def _celsius(self, least: float | None, most: float | None) -> Range:
        return Range(
            least=self.validation.indoor_temp_min if least is None else least,
            most=self.validation.indoor_temp_max if most is None else most,
        )


def fingerprint(settings: Settings, home: Path) -> str:
    """Return a short hash of all settings, without secrets. It stays the same when the home is moved."""

    def path_text(path: Path) -> str:
        return str(path.relative_to(home) if path.is_relative_to(home) else path)

    text = json.dumps(attrs.asdict(settings), sort_keys=True, default=path_text)
    return hashlib.sha256(text.encode()).hexdigest()[:_FINGERPRINT_LENGTH]
