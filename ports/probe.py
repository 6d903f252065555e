"""The health of one component."""

from __future__ import annotations

from typing import Protocol

from domain.health.report import Answer, Weight


class Probe(Protocol):
    """Checks one component, and changes nothing.

    `component` is its name in reports, always the same for the same thing; `weight` is how much it matters if
    there is no answer.
    """

    @property
    def component(self) -> str: ...

    @property
    def weight(self) -> Weight: ...

    async def check(self) -> Answer:
        """Return the state of the component. Must not block the event loop; may hang, or raise anything.

        The caller has a time limit, and takes an exception for a failure.
        """
        ...
