"""How much room is little, and how much is enough again: what lies between is no sign of anything."""

from __future__ import annotations

BATTERY_LOW_PERCENT, BATTERY_GOOD_PERCENT = 10, 20
DISK_LOW_BYTES, DISK_GOOD_BYTES = 200_000_000, 400_000_000
LOG_HELD_BYTES, LOG_SHORT_BYTES = 64 * 1024 * 1024, 8 * 1024 * 1024
