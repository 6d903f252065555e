"""Asks for the newest values of all monitors at once: by GraphQL, else by the older interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.amazon.alexa import Alexa
from adapters.amazon.graphql_states import samples_of_endpoints
from adapters.amazon.monitors import Monitor
from adapters.amazon.phoenix_states import samples_of_states
from adapters.amazon.queries import readings, states
from adapters.amazon.samples import Samples
from adapters.amazon.trouble import MET_BY_ALL
from adapters.json_reply import not_finite
from domain.errors import SourceError, SourceGarbled
from domain.values import frozen
from ports.journal import Journal, Level


@frozen
class Found:
    """What was told, by endpoint id, and remarks for a person."""

    samples: Mapping[str, Samples]
    notes: tuple[str, ...] = ()


@frozen(kw_only=True)
class Reads:
    """The two ways to read an account's monitors."""

    source: str
    alexa: Alexa
    journal: Journal

    async def found(self, monitors: Sequence[Monitor], deadline_s: float) -> Found:
        """What the service knows of the monitors. Raises SourceError."""
        try:
            return Found(await self._by_graphql(monitors, deadline_s))
        except MET_BY_ALL:
            raise
        except SourceError as error:
            found = await self._by_phoenix(monitors, error, deadline_s)
            note = f"read the monitors through the second interface, since the first failed: {error}"
            self.journal.record(Level.WARNING, "amazon.fallback", source=self.source, detail=note)
            return Found(found, (note,))

    async def _by_graphql(self, monitors: Sequence[Monitor], deadline_s: float) -> Mapping[str, Samples]:
        query = readings(monitor.endpoint_id for monitor in monitors)
        content = await self.alexa.graphql("amazon.graphql", query, deadline_s)
        found = samples_of_endpoints(content, monitors)
        if found and all(
            samples.is_empty and samples.is_reachable is not False for samples in found.values()
        ):
            odd = not_finite(content)
            which = f" ({odd:,} were NaN or infinite)" if odd else ""
            raise SourceGarbled(f"the answer lists the monitors, and no value of any{which}")
        return found

    async def _by_phoenix(
        self, monitors: Sequence[Monitor], trouble: SourceError, deadline_s: float
    ) -> Mapping[str, Samples]:
        """By the older interface; the first one's trouble is raised where this one tells nothing either."""
        question = states(monitor.entity_id for monitor in monitors)
        try:
            found = samples_of_states(await self.alexa.phoenix(question, deadline_s), monitors)
        except MET_BY_ALL:
            raise
        except SourceError as error:
            raise trouble from error
        if not found:
            raise trouble
        return found
