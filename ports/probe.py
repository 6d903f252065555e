"""Somebody who can be asked how one component of the deployment is."""

from __future__ import annotations

from typing import Protocol

from domain.health import Answer, Weight


class Probe(Protocol):
    """Looks at one component, and changes nothing of it.

    `component` is its name in reports, which never changes for the same thing; `weight` says what it means
    when there is no answer.
    """

    @property
    def component(self) -> str: ...

    @property
    def weight(self) -> Weight: ...

    async def check(self) -> Answer:
        """How it is now. Must not block the event loop; may take for ever, or raise anything.

        Whoever asks has a limit, and takes what is raised for a failure.
        """
        ...
