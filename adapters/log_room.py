"""How much is logged while the disk fills up."""

from __future__ import annotations

from collections.abc import Callable

from domain.values import frozen
from ports.clock import Clock
from ports.journal import Level

LOW_BYTES, VERY_LOW_BYTES = 200_000_000, 50_000_000
_GOOD_SHARE = 1.25  # so much more than a limit must be free before the limit counts as left behind
_LOOKED_EVERY_S = 60.0


@frozen(kw_only=True)
class Said:
    """A record about the room itself."""

    level: Level
    event: str
    fields: dict[str, object]


class LogRoom:
    """Looks at the room once a minute. `least` is the least level that is worth it now."""

    def __init__(self, free_bytes: Callable[[], int | None], clock: Clock) -> None:
        self._free_bytes = free_bytes
        self._clock = clock
        self._looked_s: float | None = None
        self._is_low = False
        self.least = Level.DEBUG

    def looked(self) -> Said | None:
        """What is to be said of the room, if it has changed since the last look."""
        now_s = self._clock.elapsed_s()
        if self._looked_s is not None and now_s - self._looked_s < _LOOKED_EVERY_S:
            return None
        self._looked_s = now_s
        free = self._free_bytes()
        if free is None:
            return None
        self.least = (
            Level.WARNING if self._is_below(free, VERY_LOW_BYTES, self.least > Level.DEBUG) else Level.DEBUG
        )
        was_low, self._is_low = self._is_low, self._is_below(free, LOW_BYTES, self._is_low)
        if was_low == self._is_low:
            return None
        event = "log.disk_low" if self._is_low else "log.disk_recovered"
        return Said(level=Level.WARNING, event=event, fields={"free_bytes": free})

    @staticmethod
    def _is_below(free: int, limit: int, was_below: bool) -> bool:
        return free < (limit * _GOOD_SHARE if was_below else limit)
