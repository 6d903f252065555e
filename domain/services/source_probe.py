"""Asks a source once, as a cycle would, and stores nothing."""

from __future__ import annotations

from collections.abc import Callable

from domain.errors import SourceError
from domain.health import Answer, Weight
from domain.health_rules import of_reply, of_source_error
from domain.values import frozen
from ports.clock import Clock
from ports.source import Source


@frozen(kw_only=True)
class SourceProbe:
    """One attempt, since a person waits; the source is closed afterwards. `limit_s` is all that it has."""

    component: str
    make: Callable[[], Source]
    clock: Clock
    limit_s: float
    program: str
    weight: Weight = Weight.SOURCE

    async def look(self) -> Answer:
        now_s = self.clock.elapsed_s()
        source = self.make()
        try:
            return of_reply(await source.read(self.clock.now(), now_s + self.limit_s))
        except SourceError as error:
            return of_source_error(error, source=self.component, program=self.program)
        finally:
            await source.close()
