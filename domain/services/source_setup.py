"""Set up a source: sign in with a code, pair with a bridge, and try a source before it is saved."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs

from domain.cycle import SourceReply
from domain.errors import SourceError, SourceThrottled, SourceUnavailable
from domain.services.collection_cycle import SOURCE_BUDGET_S
from domain.services.retry_policy import RetryPolicy
from ports.clock import Clock
from ports.retrier import Retrier
from ports.setup import AccountLinking, BridgePairing, CodePair, Linked, Pending, Refused, VerifiedBridge
from ports.source import Source

BUTTON_S = 30  # how long a press is valid, and how long a person has for it
_BUTTON_PAUSE_S = 1.0
_LONGEST_POLL_PAUSE_S = 60.0


@attrs.frozen(kw_only=True)
class Linking:
    """Waits until a person has typed a code."""

    account: AccountLinking
    clock: Clock

    async def outcome(self, pair: CodePair, on_time_left: Callable[[int], None]) -> Linked | Refused:
        """Poll while the code is valid, and pass on the seconds left. Raise SourceError."""
        ends_s = self.clock.elapsed_s() + pair.expires_in_s
        pause_s = pair.interval_s
        polled_s = self.clock.elapsed_s()
        while (left_s := ends_s - self.clock.elapsed_s()) > 0:
            on_time_left(math.ceil(left_s))
            await self.clock.sleep(min(1.0, left_s))
            if self.clock.elapsed_s() - polled_s < pause_s:
                continue
            polled_s = self.clock.elapsed_s()
            try:
                answer = await self.account.poll(pair)
            except SourceUnavailable:
                continue  # the code is still valid
            except SourceThrottled as throttled:
                pause_s = min(max(throttled.retry_after_s or 0.0, pause_s * 2), _LONGEST_POLL_PAUSE_S)
                continue
            if not isinstance(answer, Pending):
                return answer
        return Refused("the code was not typed in time")


@attrs.frozen(kw_only=True)
class Pairing:
    """Waits until a person has pressed the bridge's button."""

    bridges: BridgePairing
    clock: Clock

    async def key(self, bridge: VerifiedBridge, on_time_left: Callable[[int], None]) -> str | None:
        """Ask for a key about once a second, and pass on the seconds left; return None if time runs out.

        Raise SourceError if the bridge refuses for good, or did not answer the last request either.
        """
        ends_s = self.clock.elapsed_s() + BUTTON_S
        last_error: SourceError | None = None
        while (left_s := ends_s - self.clock.elapsed_s()) > 0:
            on_time_left(math.ceil(left_s))
            try:
                if key := await self.bridges.ask_for_key(bridge):
                    return key
                last_error = None
            except (SourceUnavailable, SourceThrottled) as error:
                last_error = error  # the next request may succeed
            await self.clock.sleep(min(_BUTTON_PAUSE_S, ends_s - self.clock.elapsed_s()))
        if last_error is not None:
            raise last_error
        return None


@attrs.frozen(kw_only=True)
class Trial:
    """Asks a source as a cycle would, and stores nothing."""

    retrier: Retrier
    clock: Clock

    async def of(self, source: Source) -> SourceReply:
        """Return the source's reply within its budget, and close it. Raise SourceError."""
        deadline_s = self.clock.elapsed_s() + SOURCE_BUDGET_S
        try:
            return await self.retrier.call(
                lambda: source.read(self.clock.now(), deadline_s),
                name=f"{source.name}.trial",
                policy=RetryPolicy(),
                deadline_s=deadline_s,
            )
        finally:
            await source.close()
