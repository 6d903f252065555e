"""What must hold between several keys of a section, once each of them fits by itself."""

from __future__ import annotations

import re
from typing import TypeVar, cast

import attrs

from config.alert_settings import MailSettings
from config.collector_settings import AbsentCollectorSettings, AmazonAqmSettings, HueSettings
from config.faults import Report
from config.settings import LARGEST_LOG_FOLDER_BYTES, LoggingSettings, Settings, ValidationSettings
from config.yaml_nodes import Table

T = TypeVar("T")
_POLLED_IN_VAIN_S = 60  # Hue sensors and monitors report about every five minutes
_MAIL_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_UTF_8 = frozenset({"utf-8", "utf8", "utf_8", "u8"})


def checked(value: T, table: Table, report: Report) -> T:
    """The value as it counts; what is wrong with it is in the report. `table` is what it was read from."""
    match value:
        case HueSettings():
            _check_bridges(value, table, report)
            _check_order(value, table, report, "temperature")
        case AmazonAqmSettings():
            for quantity in ("temperature", "humidity", "iaq"):
                _check_order(value, table, report, quantity)
        case ValidationSettings():
            _check_order(value, table, report, "indoor_temp")
            _check_order(value, table, report, "outdoor_temp")
            if not value.allow_out_of_range:
                report.warn(
                    table.place_of("allow_out_of_range"),
                    "has no effect: an implausible value is flagged as anomalous, never dropped",
                )
        case AbsentCollectorSettings(enabled=True):
            report.warn(table.place_of("enabled"), "has no effect: there is no such collector")
        case MailSettings(host=str()):
            _check_addresses(value, table, report)
        case Settings():
            _check_intervals(value, table, report)
        case LoggingSettings():
            return cast(T, _bounded(value, table, report))
    return value


def _check_bridges(hue: HueSettings, table: Table, report: Report) -> None:
    if hue.bridge_ip is not None and hue.bridges:
        report.fault(table.place_of("bridges"), "stands beside bridge_ip; keep one of the two")
    if hue.enabled and not hue.auto_discover:
        without = [bridge.address for bridge in hue.bridges] or [hue.bridge_ip]
        if None in without:
            report.fault(table.place_of("auto_discover"), "is off, and a bridge has no address; give one")
    seen: set[str] = set()
    for bridge in hue.bridges:
        if bridge.id in seen:
            report.fault(table.place_of("bridges"), f"lists the bridge {bridge.id} twice")
        seen.add(bridge.id)


def _check_addresses(mail: MailSettings, table: Table, report: Report) -> None:
    if not mail.recipients:
        report.fault(table.place_of("recipients"), "is missing; name the addresses that are to be told")
    for key, addresses in (("recipients", mail.recipients), ("sender", [mail.sender] if mail.sender else [])):
        for address in addresses:
            if not _MAIL_ADDRESS.fullmatch(address):
                report.fault(table.place_of(key), f"{address} is no mail address: name@host")


def _check_order(value: object, table: Table, report: Report, quantity: str) -> None:
    least, most = getattr(value, f"{quantity}_min"), getattr(value, f"{quantity}_max")
    if least is not None and most is not None and least >= most:
        report.fault(table.place_of(f"{quantity}_min"), f"{least:g} is not below {quantity}_max, {most:g}")


def _check_intervals(settings: Settings, table: Table, report: Report) -> None:
    for name, is_enabled, interval_s in (
        ("hue", settings.collectors.hue.enabled, settings.hue_interval_s),
        ("amazon_aqm", settings.collectors.amazon_aqm.enabled, settings.amazon_aqm_interval_s),
    ):
        if is_enabled and interval_s < _POLLED_IN_VAIN_S:
            own = _inner(_inner(table, "collectors"), name)
            from_own = "collection_interval" in own and getattr(settings.collectors, name).collection_interval
            section, key = (
                (own, "collection_interval")
                if from_own
                else (_inner(table, "collection"), "interval_seconds")
            )
            report.warn(
                section.place_of(key),
                f"{interval_s} s gains nothing: the devices report about every five minutes;"
                f" {_POLLED_IN_VAIN_S} s or more spares them",
            )


def _inner(table: Table, name: str) -> Table:
    node = table.get(name)
    return node if isinstance(node, Table) else Table(table.place_of(name))


def _bounded(logging: LoggingSettings, table: Table, report: Report) -> LoggingSettings:
    if logging.encoding.lower() not in _UTF_8:
        report.warn(table.place_of("encoding"), "has no effect: the log is always UTF-8")
    most = LARGEST_LOG_FOLDER_BYTES // logging.max_bytes - 1
    if logging.backup_count <= most:
        return attrs.evolve(logging, encoding="utf-8")
    report.warn(
        table.place_of("backup_count"),
        f"{logging.backup_count} counts as {most}: the log folder never takes more than 60 MB",
    )
    return attrs.evolve(logging, encoding="utf-8", backup_count=most)
