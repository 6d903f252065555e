"""Signing in: a code that a person types on any device, and waiting until it was typed."""

from __future__ import annotations

import math
from collections.abc import Callable

from domain.errors import SourceThrottled, SourceUnavailable
from domain.values import frozen
from ports.account_linking import AccountLinking, CodePair, Linked, Pending, Refused
from ports.clock import Clock

_TOO_LATE = Refused("the code was not typed in time")
_LONGEST_PAUSE_S = 60.0


@frozen(kw_only=True)
class Linking:
    """Drives a sign-in by the clock."""

    account: AccountLinking
    clock: Clock

    async def outcome(self, pair: CodePair, tell_left_s: Callable[[int], None]) -> Linked | Refused:
        """What becomes of the code while it is good. Raises SourceError when Amazon refuses to be asked."""
        ends_s = self.clock.elapsed_s() + pair.expires_in_s
        pause_s = pair.interval_s
        asked_s = self.clock.elapsed_s()
        while (left_s := ends_s - self.clock.elapsed_s()) > 0:
            tell_left_s(math.ceil(left_s))
            await self.clock.sleep(min(1.0, left_s))
            if self.clock.elapsed_s() - asked_s < pause_s:
                continue
            asked_s = self.clock.elapsed_s()
            try:
                answer = await self.account.poll(pair)
            except SourceUnavailable:
                continue  # the code is still good, and somebody is typing it
            except SourceThrottled as throttled:
                pause_s = min(max(throttled.retry_after_s or 0.0, pause_s * 2), _LONGEST_PAUSE_S)
                continue
            if not isinstance(answer, Pending):
                return answer
        return _TOO_LATE
