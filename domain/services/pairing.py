"""Pairing with a bridge: a key for whoever presses its button in time."""

from __future__ import annotations

import math
from collections.abc import Callable

from domain.errors import SourceError, SourceThrottled, SourceUnavailable
from domain.values import frozen
from ports.bridge_pairing import BridgePairing, Met
from ports.clock import Clock

BUTTON_S = 30  # how long a press counts, and how long a person is given for it
_PAUSE_S = 1.0


@frozen(kw_only=True)
class Pairing:
    """Drives a bridge's pairing by the clock."""

    bridges: BridgePairing
    clock: Clock

    async def key(self, bridge: Met, tell_left_s: Callable[[int], None]) -> str | None:
        """The key that the bridge gives out once its button is pressed; None when it was not in time.

        Asks about once a second. Raises SourceError when the bridge refuses for good, or did not answer to
        the last question either.
        """
        ends_s = self.clock.elapsed_s() + BUTTON_S
        trouble: SourceError | None = None
        while (left_s := ends_s - self.clock.elapsed_s()) > 0:
            tell_left_s(math.ceil(left_s))
            try:
                if key := await self.bridges.ask_for_key(bridge):
                    return key
                trouble = None
            except (SourceUnavailable, SourceThrottled) as error:
                trouble = error  # perhaps only this once: somebody stands at the bridge and presses
            await self.clock.sleep(min(_PAUSE_S, ends_s - self.clock.elapsed_s()))
        if trouble is not None:
            raise trouble
        return None
