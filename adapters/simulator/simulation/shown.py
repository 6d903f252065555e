"""What the simulated home showed of a device, and how that differs from what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from domain.reading import Quantity

# The columns of a reading that are compared, and what they hold. Besides, `other_values` must be empty.
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
QUERY = f"""
SELECT timestamp, device_id, observed_at, other_values, {", ".join(COLUMNS)} FROM readings
UNION ALL SELECT timestamp, device_id, observed_at, other_values, {", ".join(COLUMNS)} FROM air_readings
"""  # noqa: S608 - names from here
_SAME = 1e-6
_A_CYCLE = timedelta(seconds=30)

Columns = tuple[str | None, str | None, Sequence[float | None]]  # observed_at, other_values, COLUMNS


@attrs.frozen
class Shown:
    """What the home showed of a device: the values of COLUMNS and their time.

    `is_early` if the collector's clock was behind that time: then it is its own time that counts, which the
    home knows only to a cycle.
    """

    values: tuple[float | None, ...]
    observed_at: datetime | None
    is_early: bool = False

    def compare(self, stored: Columns, compared: Counter[str], wrong: Counter[str]) -> None:
        """Count each column of the stored reading, and those that differ."""
        observed_at, other_values, columns = stored
        for name, value, found in zip(COLUMNS, self.values, columns, strict=True):
            compared[name] += value is not None
            if value is None or found is None:
                wrong[name] += value is not found
            else:
                wrong[name] += abs(value - found) > _SAME
        compared["observed_at"] += 1
        wrong["observed_at"] += not self._is_time(observed_at)
        wrong["other_values"] += other_values is not None

    def _is_time(self, observed_at: str | None) -> bool:
        if observed_at is None or self.observed_at is None:
            return observed_at is None and self.observed_at is None
        late = abs(datetime.fromisoformat(observed_at) - self.observed_at)
        return late <= (_A_CYCLE if self.is_early else timedelta())
