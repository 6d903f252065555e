"""What the simulated home showed of a device, and how that differs from what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from domain.reading import Quantity

# The columns of a reading with what a device measures.
COLUMNS: Mapping[str, Quantity] = {
    "temperature_celsius": Quantity.TEMPERATURE,
    "humidity_percent": Quantity.RELATIVE_HUMIDITY,
    "pm25_ugm3": Quantity.PM25,
    "pm10_ugm3": Quantity.PM10,
    "voc_ppb": Quantity.VOC_INDEX,
    "co_ppm": Quantity.CARBON_MONOXIDE,
    "co2_ppm": Quantity.CARBON_DIOXIDE,
    "iaq_score": Quantity.IAQ_SCORE,
}
# Those with what it is and how it is; those that stay empty, or 0, of what this home shows.
ABOUT = ("device_type", "location", "battery_level", "signal_strength")
EMPTY = ("is_anomalous", "other_values", "raw_response", "thermostat_mode")
_SELECTED = ", ".join(("timestamp", "device_id", "observed_at", *ABOUT, *EMPTY, *COLUMNS))
QUERY = f"""
SELECT {_SELECTED} FROM readings UNION ALL SELECT {_SELECTED} FROM air_readings
"""  # noqa: S608 - names from here
_SAME = 1e-6
_A_CYCLE = timedelta(seconds=30)

Cell = str | int | None
About = tuple[Collection[Cell], ...]  # what may be in each of the columns ABOUT


@attrs.frozen(kw_only=True)
class Stored:
    """A stored reading: the values of the columns ABOUT, EMPTY and COLUMNS."""

    observed_at: str | None
    about: Sequence[Cell]
    empty: Sequence[Cell]
    values: Sequence[float | None]

    @classmethod
    def of(cls, columns: Sequence[Any]) -> Stored:
        """Return the reading of a row of QUERY, without its time and device."""
        observed_at, *others = columns
        first, second = len(ABOUT), len(ABOUT) + len(EMPTY)
        return cls(
            observed_at=observed_at, about=others[:first], empty=others[first:second], values=others[second:]
        )


@attrs.frozen(kw_only=True)
class Shown:
    """What the home showed of a device: the values of COLUMNS and their time, and what may be in ABOUT.

    `is_early` if the collector's clock was behind that time: then it is its own time that counts, which the
    home knows only to a cycle.
    """

    values: tuple[float | None, ...]
    about: About
    observed_at: datetime | None
    is_early: bool = False

    def compare(self, stored: Stored, compared: Counter[str], wrong: Counter[str]) -> None:
        """Count each column of the stored reading, and those that differ."""
        for name, value, found in zip(COLUMNS, self.values, stored.values, strict=True):
            compared[name] += value is not None
            if value is None or found is None:
                wrong[name] += value is not found
            else:
                wrong[name] += abs(value - found) > _SAME
        for name, right, cell in zip(ABOUT, self.about, stored.about, strict=True):
            compared[name] += 1
            wrong[name] += cell not in right
        for name, cell in zip(EMPTY, stored.empty, strict=True):
            wrong[name] += bool(cell)
        compared["observed_at"] += 1
        wrong["observed_at"] += not self._is_time(stored.observed_at)

    def _is_time(self, observed_at: str | None) -> bool:
        if observed_at is None or self.observed_at is None:
            return observed_at is None and self.observed_at is None
        late = abs(datetime.fromisoformat(observed_at) - self.observed_at)
        return late <= (_A_CYCLE if self.is_early else timedelta())
