"""What must hold between several settings, once each of them is valid by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

from config.documents.problems import Report
from config.documents.yaml_document import Document
from config.setting_types import LARGEST_LOG_FOLDER_BYTES
from config.settings import AmazonAqmSettings, HueSettings, MailSettings, Settings, ValidationSettings

_SHORTEST_USEFUL_INTERVAL_S = 60  # Hue sensors and monitors report about every five minutes
_MAIL_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


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
    if hue.enabled and not hue.auto_discover and any(bridge.address is None for bridge in hue.bridges):
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
    """Return the settings as they count, and report where one limits another."""
    logging = settings.logging
    most_backups = LARGEST_LOG_FOLDER_BYTES // logging.max_bytes - 1
    if logging.backup_count > most_backups:
        report.warning(
            document.place(("logging", "backup_count")),
            f"{logging.backup_count} counts as {most_backups}: the log folder takes "
            f"{LARGEST_LOG_FOLDER_BYTES // 10**6} MB at most",
        )
        logging = attrs.evolve(logging, backup_count=most_backups)
    if settings.report.mail != "never" and settings.alerts.mail.host is None:
        report.warning(
            document.place(("report", "mail")), "has no effect: alerts.mail names no server; set its host"
        )
    for name, source, interval_s in (
        ("hue", settings.collectors.hue, settings.hue_interval_s),
        ("amazon_aqm", settings.collectors.amazon_aqm, settings.amazon_aqm_interval_s),
    ):
        if source.enabled and interval_s < _SHORTEST_USEFUL_INTERVAL_S:
            own = "collectors", name, "collection_interval"
            report.warning(
                document.place(own if source.collection_interval else ("collection", "interval_seconds")),
                f"{interval_s} s gains nothing: the devices report about every five minutes; set"
                f" {_SHORTEST_USEFUL_INTERVAL_S} s or more",
            )
    return attrs.evolve(settings, logging=logging)
