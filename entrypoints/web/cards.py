"""The cards of the page: the newest value of each quantity, and words that judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

import attrs

from domain.history.air_quality import (
    PM10_GUIDELINE,
    carbon_monoxide_class,
    humidity_class,
    pm25_class,
    rolling_day_means,
    usual_class,
    usual_range,
)
from domain.history.coverage import Absence, stale_from
from domain.history.series import Point
from domain.reading import Quantity, Reading
from entrypoints.words import TITLES, reason_of
from ports.stored_data import History

DAY = timedelta(days=1)
_TREND = timedelta(hours=1)
_LEAST_TREND = timedelta(minutes=45)
_TOO_FEW = "no 24 h mean yet"
_LEFT = "its source no longer lists it"

HourlyMeans = Mapping[tuple[str, Quantity], Sequence[float]]


@attrs.frozen(kw_only=True)
class Cards:
    """Builds the cards at `now`.

    `usual` has the hourly means of the last weeks by device and quantity, for quantities without a limit.
    `silences` are the newest absences, by device or by source; `left` are the devices that have left the
    home; `sources` name the source of each device, and `interval_of` returns how often that is read.
    """

    history: History
    now: datetime
    interval_of: Callable[[str], timedelta]
    usual: HourlyMeans
    silences: Mapping[str, Absence]
    left: AbstractSet[str]
    sources: Mapping[str, str]

    def card(self, reading: Reading) -> dict[str, Any]:
        """Return the values of one device."""
        observed = reading.observed_at or reading.collected_at
        hour = self.history.values(reading.device_id, reading.collected_at - _TREND, reading.collected_at)
        stale_at = stale_from(reading.collected_at, self.interval_of(reading.device_id))
        return {
            "device": reading.device_id,
            "name": reading.location,
            "kind": reading.kind.value,
            "observed": min(observed, self.now).timestamp(),
            "collected": reading.collected_at.timestamp(),
            "stale_at": stale_at.timestamp(),
            "is_stale": self.now > stale_at,
            "reason": self._reason(reading) if self.now > stale_at else "",
            "battery": reading.battery_percent,
            "is_anomalous": reading.is_anomalous,
            "values": [
                self._value(reading, quantity, hour.get(quantity, ()))
                for quantity in TITLES
                if quantity in reading.values
            ],
        }

    def _reason(self, reading: Reading) -> str:
        if reading.device_id in self.left:
            return _LEFT
        source = self.sources.get(reading.device_id, "")
        absence = self.silences.get(reading.device_id) or self.silences.get(source)
        return "" if absence is None else reason_of(absence.cause)

    def _value(self, reading: Reading, quantity: Quantity, hour: Sequence[Point]) -> dict[str, Any]:
        title, unit = TITLES[quantity]
        value = reading.values[quantity]
        is_long = bool(hour) and hour[0][0] <= reading.collected_at - _LEAST_TREND
        return {
            "quantity": quantity.value,
            "title": title,
            "unit": unit,
            "value": value,
            "change": round(value - hour[0][1], 2) if is_long else None,
            "words": self._words(reading.device_id, quantity, value),
        }

    def _words(self, device_id: str, quantity: Quantity, value: float) -> str:
        """Return the class of the value, by a limit or by what is usual in this home."""
        if quantity in (Quantity.PM25, Quantity.PM10):
            means = rolling_day_means(self.history.hours(device_id, quantity, self.now - DAY, self.now))
            if not means:
                return _TOO_FEW
            mean = means[-1][1]
            if quantity is Quantity.PM25:
                return f"{pm25_class(mean)}, 24 h mean {mean:.0f}"
            return f"24 h mean {mean:.0f} (WHO: {PM10_GUIDELINE:.0f})"
        if quantity is Quantity.RELATIVE_HUMIDITY:
            return f"{humidity_class(value)} (EPA: 30 to 50)"
        if quantity is Quantity.CARBON_MONOXIDE:
            return carbon_monoxide_class(value)
        usual = usual_range(self.usual.get((device_id, quantity), ()))
        return "" if usual is None else f"{usual_class(value, usual)} ({usual[0]:.0f} to {usual[1]:.0f})"
