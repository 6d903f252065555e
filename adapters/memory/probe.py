"""A probe that answers what it was given, after as long as it was told."""

from __future__ import annotations

import attrs

from domain.health import Answer, Status, Weight
from ports.clock import Clock


@attrs.define(kw_only=True)
class MemoryProbe:
    """With `takes_s` None it never answers; `fault`, if any, is raised in place of an answer."""

    component: str
    clock: Clock
    status: Status = Status.PASS
    seen: str = "as it should be"
    weight: Weight = Weight.ORDINARY
    takes_s: float | None = 0.0
    fault: BaseException | None = None

    async def look(self) -> Answer:
        while self.takes_s is None:
            await self.clock.sleep(3600)
        await self.clock.sleep(self.takes_s)
        if self.fault is not None:
            raise self.fault
        return Answer(self.status, self.seen)
