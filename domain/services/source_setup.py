"""Signing in: a code that a person types on any device, and waiting until it was typed."""

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

_TOO_LATE = Refused("the code was not typed in time")
_LONGEST_PAUSE_S = 60.0


@attrs.frozen(kw_only=True)
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


# Pairing with a bridge: a key for whoever presses its button in time.

BUTTON_S = 30  # how long a press counts, and how long a person is given for it
_PAUSE_S = 1.0


@attrs.frozen(kw_only=True)
class Pairing:
    """Drives a bridge's pairing by the clock."""

    bridges: BridgePairing
    clock: Clock

    async def key(self, bridge: VerifiedBridge, tell_left_s: Callable[[int], None]) -> str | None:
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


# Asks a source as a cycle would ask it, to see whether it answers at all.


@attrs.frozen(kw_only=True)
class Trial:
    """Nothing of what comes is stored."""

    retrier: Retrier
    clock: Clock

    async def of(self, source: Source) -> SourceReply:
        """What the source hands over within its budget; closes the source. Raises SourceError."""
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
