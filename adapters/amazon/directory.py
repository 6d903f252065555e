"""Which monitors the account has: asked for daily or when one is missed, and remembered in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain

from adapters.amazon.alexa import Alexa
from adapters.amazon.monitors import Monitor, joined, monitors_of_appliances, monitors_of_endpoints
from adapters.amazon.queries import appliances, endpoints
from adapters.amazon.trouble import MET_BY_ALL
from adapters.json_reply import Json, instant, members, objects, text
from domain.errors import SourceError
from domain.values import frozen
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import State

DISCOVER_AFTER = timedelta(days=1)
MISS_AFTER = timedelta(minutes=15)  # whoever is missed is looked for this often at most
_TRY_AGAIN_AFTER = timedelta(hours=1)
_KEY = "amazon.monitors"


@frozen(kw_only=True)
class _Known:
    monitors: tuple[Monitor, ...] = ()
    asked_at: datetime | None = None


class Directory:
    """The monitors of one account."""

    def __init__(self, *, alexa: Alexa, state: State, clock: Clock, journal: Journal) -> None:
        self._alexa = alexa
        self._state = state
        self._clock = clock
        self._journal = journal

    async def monitors(self, deadline_s: float) -> tuple[Monitor, ...]:
        """All of them. Raises SourceError only when none is known."""
        known = self._known()
        if known.monitors and not self._is_older(known, DISCOVER_AFTER):
            return known.monitors
        if not known.monitors and not self._is_older(known, MISS_AFTER):
            return ()
        try:
            # an answer without any, where there were some, is not believed until one is missed
            found = await self._found(deadline_s) or known.monitors
        except SourceError as error:
            if not known.monitors or isinstance(error, MET_BY_ALL):
                raise
            self._journal.record(Level.WARNING, "amazon.discovery", detail=str(error))
            self._keep(known.monitors, self._clock.now() - DISCOVER_AFTER + _TRY_AGAIN_AFTER)
            return known.monitors  # the readings are worth more than a new monitor
        self._keep(found, self._clock.now())
        return found

    async def looked_for(self, deadline_s: float) -> tuple[Monitor, ...] | None:
        """All of them, asked for anew because one is missed; None when that is too early, or in vain."""
        known = self._known()
        if not self._is_older(known, MISS_AFTER):
            return None
        self._keep(known.monitors, self._clock.now())
        try:
            found = await self._found(deadline_s)
        except SourceError as error:
            self._journal.record(Level.WARNING, "amazon.discovery", detail=str(error))
            return None
        self._keep(found, self._clock.now())
        return found

    async def _found(self, deadline_s: float) -> tuple[Monitor, ...]:
        """By the form that tells what ranges mean, and by the other where that one does not tell enough."""
        trouble: SourceError | None = None
        found: tuple[Monitor, ...] = ()
        try:
            content = await self._alexa.graphql("amazon.discovery", appliances(), deadline_s)
            found = joined(monitors_of_appliances(content))
        except MET_BY_ALL:
            raise
        except SourceError as error:
            trouble = error
        if found and all(monitor.serial for monitor in found):
            return found
        try:
            content = await self._alexa.graphql("amazon.discovery", endpoints(), deadline_s)
        except SourceError as error:
            if found:
                return found
            raise trouble or error from error
        return joined(chain(found, monitors_of_endpoints(content)))

    def _is_older(self, known: _Known, age: timedelta) -> bool:
        return known.asked_at is None or abs(self._clock.now() - known.asked_at) >= age

    def _known(self) -> _Known:
        kept = self._state.get(_KEY)
        return _Known(monitors=tuple(_restored(kept)), asked_at=instant(kept.get("asked_at")))

    def _keep(self, monitors: tuple[Monitor, ...], asked_at: datetime) -> None:
        listed: list[Json] = [_kept(monitor) for monitor in monitors]
        self._state.put(_KEY, {"asked_at": asked_at.isoformat(), "monitors": listed})


def _kept(monitor: Monitor) -> dict[str, Json]:
    return {
        "endpoint_id": monitor.endpoint_id,
        "entity_id": monitor.entity_id,
        "serial": monitor.serial,
        "name": monitor.name,
        "assets": dict(monitor.assets),
    }


def _restored(kept: Mapping[str, Json]) -> Iterator[Monitor]:
    """What an earlier process kept; whatever is not of the shape is simply not known."""
    for each in objects(kept.get("monitors")):
        endpoint_id, entity_id = text(each, "endpoint_id"), text(each, "entity_id")
        assets = members(each.get("assets"))
        if endpoint_id and entity_id:
            yield Monitor(
                endpoint_id=endpoint_id,
                entity_id=entity_id,
                serial=text(each, "serial"),
                name=text(each, "name") or "",
                assets={instance: asset for instance in assets if (asset := text(assets.get(instance)))},
            )
