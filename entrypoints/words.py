"""Words for people that the page and the terminal share: quantities, causes and sources."""

from __future__ import annotations

from collections.abc import Mapping

from domain.history.coverage import NO_CYCLE, UNKNOWN, WAITING
from domain.reading import Quantity

TITLES: Mapping[Quantity, tuple[str, str]] = {  # and units; in the order of the page
    Quantity.TEMPERATURE: ("Temperature", "°C"),
    Quantity.PM25: ("PM2.5", "µg/m³"),
    Quantity.VOC_INDEX: ("VOC index", ""),
    Quantity.IAQ_SCORE: ("Air quality score", ""),
    Quantity.RELATIVE_HUMIDITY: ("Humidity", "%"),
    Quantity.CARBON_MONOXIDE: ("Carbon monoxide", "ppm"),
    Quantity.PM10: ("PM10 (experimental)", "µg/m³"),
    Quantity.CARBON_DIOXIDE: ("Carbon dioxide", "ppm"),
}

_SOURCE_TITLES = {"hue": "Hue bridge", "amazon": "Amazon account"}
_REASONS = {
    NO_CYCLE: "nothing has collected since; is the program running?",
    UNKNOWN: "a reading or a row of the ledger is no longer there",
    WAITING: "the cycle waits in the spool",
    "unreachable": "the sensor could not be reached",
    "switched_off": "the sensor is switched off",
    "no_value": "the sensor gave no value",
    "no_identity": "the sensor has no unique id",
    "not_listed": "the source did not list the device",
    "out_of_range": "the value cannot be stored",
    "stale": "the device has not reported for a day",
    "network": "the source could not be reached",
    "throttled": "the source asked for fewer requests",
    "credentials": "the source rejected the credentials",
    "refused": "the source refused to answer",
    "garbled": "the reply could not be understood",
    "out_of_time": "the source did not answer in time",
    "internal": "a bug; see the log",
    "not_stored": "the readings could not be stored",
    "stopped": "the program was not running",
    "interrupted": "the program was interrupted",
    "asleep": "the machine was asleep",
    "clock_stepped": "the clock was set",
    "overrun": "the cycle before took too long",
}


def reason_of(cause: str) -> str:
    """Return why a reading is missing, given the ledger's word for it."""
    return _REASONS.get(cause, cause.replace("_", " ") or "no cause is known")


def source_title(source: str) -> str:
    """Return the name of a source for people."""
    kind, _, number = source.partition(":")
    return " ".join([_SOURCE_TITLES.get(kind, kind), *([number] if number else [])])
