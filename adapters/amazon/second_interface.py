"""The older interface, for when the first one fails, and for the values that the first one lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from adapters.amazon.account_memory import SECOND_INTERFACE
from adapters.amazon.alexa import Alexa
from adapters.amazon.monitors import Monitor
from adapters.amazon.states import Samples, expected_quantities, samples_of_states
from adapters.http.lenient_json import instant, members
from domain.errors import SourceError, SourceGarbled, SourceUnavailable
from domain.reading import Quantity
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import Json, State

_PROBE_AFTER = timedelta(hours=1)
_LONGEST_FILL_S = 5.0  # of the source's time, for values that may be missed


class SecondInterface:
    """Reads `/api/phoenix/state`.

    Values that the first interface lacks are looked for once an hour. What was found is asked for in each
    cycle, as long as the first interface lacks it.
    """

    def __init__(self, *, alexa: Alexa, state: State, clock: Clock, journal: Journal) -> None:
        self._alexa = alexa
        self._state = state
        self._clock = clock
        self._journal = journal
        self._is_loaded = False
        self._probed_at: datetime | None = None
        self._has: Mapping[str, AbstractSet[str]] = {}  # quantities by endpoint id

    async def samples(self, monitors: Sequence[Monitor], deadline_s: float) -> dict[str, Samples]:
        """Return the samples of all monitors by endpoint id. Raise SourceError."""
        content = await self._alexa.entity_states((one.entity_id for one in monitors), deadline_s)
        return samples_of_states(content, monitors)

    async def fill(
        self,
        samples: dict[str, Samples],
        monitors: Sequence[Monitor],
        wanted: AbstractSet[Quantity],
        deadline_s: float,
    ) -> tuple[str, ...]:
        """Add the wanted values that the samples lack, and return notes. A failure costs nothing."""
        lacking = {
            one.endpoint_id: lacks
            for one in monitors
            if (lacks := _lacking(one, samples.get(one.endpoint_id)) & wanted)
        }
        if not lacking:
            return ()
        self._load()
        now = self._clock.now()
        is_probe = self._probed_at is None or abs(now - self._probed_at) >= _PROBE_AFTER
        asked = [
            one
            for one in monitors
            if (is_probe and one.endpoint_id in lacking)
            or lacking.get(one.endpoint_id, frozenset()) & self._has.get(one.endpoint_id, frozenset())
        ]
        if not asked:
            return ()
        has = dict(self._has)
        notes: list[str] = []
        try:
            limit_s = min(deadline_s, self._clock.elapsed_s() + _LONGEST_FILL_S)
            found = await self.samples(asked, limit_s)
        except SourceError as error:
            self._journal.record(Level.WARNING, "amazon.second_interface", detail=str(error))
            if not isinstance(error, (SourceUnavailable, SourceGarbled)):
                has = {}  # it refuses, or asks for fewer requests: an hourly one
        else:
            for one in asked:
                key = one.endpoint_id
                filled = _fill(samples, key, found.get(key), lacking[key])
                has[key] = frozenset(filled)
                if filled:
                    names = ", ".join(sorted(filled))
                    notes.append(f"{one.label}: {names} from the second interface; the first has no value")
        if is_probe or has != self._has:
            self._save(now if is_probe else self._probed_at, has)
        return tuple(notes)

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True
        saved = dict(self._state.get(SECOND_INTERFACE))
        if saved.get("of") == self._alexa.credential:
            self._probed_at = instant(saved, "probed_at")
            self._has = {
                key: frozenset(str(one) for one in names)
                for key, names in members(saved.get("has")).items()
                if isinstance(names, list)
            }

    def _save(self, probed_at: datetime | None, has: Mapping[str, AbstractSet[str]]) -> None:
        self._probed_at, self._has = probed_at, has
        found: dict[str, Json] = {key: list[Json](sorted(names)) for key, names in has.items() if names}
        value: dict[str, Json] = {"of": self._alexa.credential, "has": found}
        self._state.put(
            SECOND_INTERFACE, value | ({} if probed_at is None else {"probed_at": probed_at.isoformat()})
        )


def _lacking(monitor: Monitor, samples: Samples | None) -> AbstractSet[Quantity]:
    """Return the quantities that the monitor should have and the first interface did not give."""
    if samples is None:
        return expected_quantities(monitor)
    if samples.is_reachable is False:
        return frozenset()
    return (expected_quantities(monitor) | samples.in_error) - samples.values.keys()


def _fill(
    samples: dict[str, Samples], key: str, found: Samples | None, lacks: AbstractSet[Quantity]
) -> AbstractSet[Quantity]:
    """Add what was found to the samples of one monitor; return the quantities that it had lacked."""
    if found is None:
        return frozenset()
    present = samples.get(key)
    if present is None or present.is_empty:
        samples[key] = found
        return lacks & found.values.keys()
    return present.take(found, lacks)
