"""What must hold between several settings, once each of them is valid by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from config.problems import Report
from config.setting_types import LARGEST_LOG_FOLDER_BYTES
from config.settings import AmazonAqmSettings, HueSettings, MailSettings, Settings, ValidationSettings
from config.yaml_document import Document

_SHORTEST_USEFUL_INTERVAL_S = 60  # Hue sensors and monitors report about every five minutes
_MAIL_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_UTF_8 = frozenset({"utf-8", "utf8", "utf_8", "u8"})


def conflicts(section: object) -> Iterator[tuple[str, str]]:
    """Yield the key and the message of each contradiction within a section."""
    match section:
        case HueSettings():
            yield from _bridge_conflicts(section)
            yield from _range_conflicts(section, "temperature")
        case AmazonAqmSettings():
            yield from _range_conflicts(section, "temperature", "humidity", "iaq")
        case ValidationSettings():
            yield from _range_conflicts(section, "indoor_temp", "outdoor_temp")
        case MailSettings(host=str()):
            yield from _mail_conflicts(section)


def _bridge_conflicts(hue: HueSettings) -> Iterator[tuple[str, str]]:
    if hue.bridge_ip is not None and hue.bridges:
        yield "bridges", "cannot be combined with bridge_ip; keep one of the two"
    addresses = [bridge.address for bridge in hue.bridges] or [hue.bridge_ip]
    if hue.enabled and not hue.auto_discover and None in addresses:
        yield "auto_discover", "is off, and a bridge has no address; give it one"
    ids = [bridge.id for bridge in hue.bridges]
    for bridge_id in dict.fromkeys(each for each in ids if ids.count(each) > 1):
        yield "bridges", f"lists the bridge {bridge_id} twice; remove one"


def _range_conflicts(section: object, *quantities: str) -> Iterator[tuple[str, str]]:
    for quantity in quantities:
        least, most = getattr(section, f"{quantity}_min"), getattr(section, f"{quantity}_max")
        if least is not None and most is not None and least >= most:
            yield f"{quantity}_min", f"{least:g} is not below {quantity}_max, {most:g}"


def _mail_conflicts(mail: MailSettings) -> Iterator[tuple[str, str]]:
    if not mail.recipients:
        yield "recipients", "is missing; name the addresses to send mail to"
    for key, addresses in (("recipients", mail.recipients), ("sender", (mail.sender,))):
        for address in addresses:
            if address is not None and not _MAIL_ADDRESS.fullmatch(address):
                yield key, f"{address} is not a mail address: name@host"


def in_effect(settings: Settings, document: Document, report: Report) -> Settings:
    """Return the settings as they count, and report where that is not what the document says."""

    def warn(message: str, *path: str) -> None:
        report.warning(document.place(path), message)

    logging, collectors = settings.logging, settings.collectors
    if logging.encoding.lower() not in _UTF_8:
        warn("has no effect: the log is always UTF-8", "logging", "encoding")
    most_backups = LARGEST_LOG_FOLDER_BYTES // logging.max_bytes - 1
    if logging.backup_count > most_backups:
        cap = f"{logging.backup_count} counts as {most_backups}: the log folder takes 60 MB at most"
        warn(cap, "logging", "backup_count")
    if not settings.validation.allow_out_of_range:
        path = "validation", "allow_out_of_range"
        warn("has no effect: an implausible value is flagged as anomalous, never dropped", *path)
    for name, collector in (("nest", collectors.nest), ("weather", collectors.weather)):
        if collector.enabled:
            warn("has no effect: there is no such collector", "collectors", name, "enabled")
    for name, source, interval_s in (
        ("hue", collectors.hue, settings.hue_interval_s),
        ("amazon_aqm", collectors.amazon_aqm, settings.amazon_aqm_interval_s),
    ):
        if source.enabled and interval_s < _SHORTEST_USEFUL_INTERVAL_S:
            own = "collectors", name, "collection_interval"
            warn(
                f"{interval_s} s gains nothing: the devices report about every five minutes; set"
                f" {_SHORTEST_USEFUL_INTERVAL_S} s or more",
                *(own if source.collection_interval else ("collection", "interval_seconds")),
            )
    backup_count = min(logging.backup_count, most_backups)
    return attrs.evolve(settings, logging=attrs.evolve(logging, encoding="utf-8", backup_count=backup_count))
