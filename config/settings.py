"""Everything that a home can set, by the names of its config.yaml, with the defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import attrs

from config.alert_settings import AlertsSettings
from config.collector_settings import CollectorsSettings
from config.kinds import STORE_BUDGET_S, Attempts, Backoff, Celsius, FirstDelay, Interval, Zone
from config.markers import Between, CountsAs, Meaning, NoEffect, ZeroCountsAs
from domain.reading import Quantity, Range
from domain.values import frozen

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LARGEST_LOG_FILE_BYTES = 10_000_000
LARGEST_LOG_FOLDER_BYTES = 60_000_000
_STORE = f"storing has {STORE_BUDGET_S} s in a cycle"
_HUE_FIRST_DELAY_S = 1.0


@frozen(kw_only=True)
class CollectionSettings:
    interval_seconds: Annotated[
        Interval, Meaning("Seconds between two cycles, for every source without its own interval.")
    ] = 300
    retry_attempts: Annotated[Attempts, Meaning("How often a source is asked in one cycle at most.")] = 3
    retry_backoff_base: Annotated[
        FirstDelay, Meaning("Seconds before the second attempt, doubled for each further one (not Hue).")
    ] = 1.0


@frozen(kw_only=True)
class StorageSettings:
    database_path: Annotated[Path, Meaning("The database.")] = Path("data/readings.db")
    naive_zone: Annotated[
        Zone | None,
        Meaning("The zone of old timestamps without an offset, for ordering only; null is the system's."),
    ] = None
    enable_pooling: Annotated[
        bool, Meaning("Once: several connections."), NoEffect("a process has one writing connection")
    ] = True
    enable_wal_mode: Annotated[
        bool, Meaning("Once: whether to try WAL."), NoEffect("WAL is always tried")
    ] = True
    wal_checkpoint_interval: Annotated[
        int,
        Meaning("Pages between two automatic checkpoints of the WAL."),
        Between(least=0),
        ZeroCountsAs(value=1000, because="without checkpoints the WAL grows without end"),
        CountsAs(most=16_384, because="the WAL stays under 64 MB"),
    ] = 1000
    retry_max_attempts: Annotated[Attempts, Meaning("How often a busy database is tried in one cycle.")] = 3
    retry_base_delay: Annotated[
        float,
        Meaning("Seconds before the second try, doubled for each further one."),
        Between(least=0),
        CountsAs(most=STORE_BUDGET_S, because=_STORE),
    ] = 1.0
    busy_timeout_ms: Annotated[
        int,
        Meaning("Milliseconds that SQLite waits for another program's lock."),
        Between(least=0),
        CountsAs(most=STORE_BUDGET_S * 1000, because=_STORE),
    ] = 5000

    @property
    def retry(self) -> Backoff:
        return Backoff(attempts=self.retry_max_attempts, base_s=self.retry_base_delay)


@frozen(kw_only=True)
class LoggingSettings:
    level: Annotated[LogLevel, Meaning("The least serious records that are written.")] = "INFO"
    enable_file_logging: Annotated[bool, Meaning("Whether a log file is written.")] = True
    log_file_path: Annotated[Path, Meaning("The log file.")] = Path("logs/homeclimate.log")
    max_bytes: Annotated[
        int,
        Meaning("Bytes that a log file stays under."),
        Between(least=0),
        ZeroCountsAs(value=LARGEST_LOG_FILE_BYTES, because="a log file never grows without end"),
        CountsAs(least=65_536, because="a single record takes up to 16 kB"),
        CountsAs(most=LARGEST_LOG_FILE_BYTES, because="the log folder never takes more than 60 MB"),
    ] = LARGEST_LOG_FILE_BYTES
    backup_count: Annotated[
        int, Meaning("How many rotated files are kept, within 60 MB in all."), Between(least=0)
    ] = 5
    encoding: Annotated[str, Meaning("Once: the encoding of the log file; it is UTF-8.")] = "utf-8"


@frozen(kw_only=True)
class ValidationSettings:
    indoor_temp_min: Annotated[
        Celsius, Meaning("Colder than this (degC) indoors is flagged as anomalous.")
    ] = 0.0
    indoor_temp_max: Annotated[
        Celsius, Meaning("Warmer than this (degC) indoors is flagged as anomalous.")
    ] = 40.0
    outdoor_temp_min: Annotated[Celsius, Meaning("Colder than this (degC) outdoors is flagged.")] = -40.0
    outdoor_temp_max: Annotated[Celsius, Meaning("Warmer than this (degC) outdoors is flagged.")] = 50.0
    allow_out_of_range: Annotated[
        bool, Meaning("Once: whether implausible values are stored; they are, and flagged.")
    ] = True


@frozen(kw_only=True)
class Settings:
    """A home's settings, with every old meaning resolved and every budget kept."""

    collection: CollectionSettings = attrs.field(factory=CollectionSettings)
    storage: StorageSettings = attrs.field(factory=StorageSettings)
    logging: LoggingSettings = attrs.field(factory=LoggingSettings)
    validation: ValidationSettings = attrs.field(factory=ValidationSettings)
    collectors: CollectorsSettings = attrs.field(factory=CollectorsSettings)
    alerts: AlertsSettings = attrs.field(factory=AlertsSettings)

    def at(self, home: Path) -> Settings:
        """These settings with relative paths taken from the home, which is absolute."""
        storage, logging, mail = self.storage, self.logging, self.alerts.mail
        ca_file = None if mail.ca_file is None else home / mail.ca_file
        return attrs.evolve(
            self,
            storage=attrs.evolve(storage, database_path=home / storage.database_path),
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
    def hue_retry(self) -> Backoff:
        hue = self.collectors.hue
        return Backoff(
            attempts=hue.retry_attempts or self.collection.retry_attempts,
            base_s=_HUE_FIRST_DELAY_S,
            multiplier=hue.retry_backoff_base,
        )

    @property
    def amazon_aqm_retry(self) -> Backoff:
        own, general = self.collectors.amazon_aqm, self.collection
        base_s = own.retry_backoff_base
        return Backoff(
            attempts=own.retry_attempts or general.retry_attempts,
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
