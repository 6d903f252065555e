"""The simulated home's own account of what it handed over, compared with what a database holds.

The database is read with SQL of its own: nothing of the collector takes part in the count.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import attrs

from adapters.simulator.home import SimulatedHome
from adapters.simulator.messages import SeenRequest
from adapters.simulator.simulation.bounds import LONGEST_CYCLE_S, Watched
from adapters.simulator.simulation.clocks import RecordedClock
from adapters.simulator.simulation.kills import Key, KilledCycle
from adapters.simulator.simulation.troubles import Trouble
from domain.reading import Quantity

INTERVAL = timedelta(minutes=5)
_RIGHT_SHARE = 0.99
_MENDED_SHARE = 0.95
_READING_PATHS = {
    "hue": ("/clip/v2/resource/temperature", "/api/***/sensors", "/api/***"),
    "amazon": ("/nexus/v1/graphql", "/api/phoenix/state"),
}
_HARMLESS = {"Delay"}
_OK = 200
# A bridge is asked who is reachable less often than for temperatures.
_REACHABLE_BEFORE = tuple(timedelta(minutes=minutes) for minutes in (0, 15, 30))
_SAME_CELSIUS = 0.01
_LONGEST_PAUSE_S = 3900.0  # of a source that is refused, and the slot after it


@attrs.define
class HandedOver:
    """What each source was handed in each slot: the temperature by device, None if it has none.

    `uncertain` are devices that were out of reach for a part of the last half hour: the bridge shows their
    last value, and the collector may know so or not. `killed` are cycles in which the collector was killed.
    """

    by_slot: dict[tuple[str, datetime], dict[str, float | None]] = attrs.field(factory=dict)
    uncertain: set[tuple[str, datetime]] = attrs.field(factory=set)  # device and slot
    killed: list[KilledCycle] = attrs.field(factory=list)

    def take(self, home: SimulatedHome, slot_of_cycle: Callable[[str, datetime], datetime]) -> None:
        """Note the whole replies to one cycle, and forget its requests.

        `slot_of_cycle` returns the slot of a source's cycle by the instant of its first request.
        """
        for source, requests in (("hue", home.bridge.requests), ("amazon", home.alexa.requests)):
            for request in requests:
                if _is_whole(source, request):
                    slot = slot_of_cycle(source, requests[0].at)
                    self.by_slot[source, slot] = self._shown(home, source, slot, request.at)
            requests.clear()

    def take_killed(self, home: SimulatedHome, now: datetime, *, has_line: bool) -> None:
        """Note the whole replies to a cycle in which the collector was killed, and forget its requests.

        `has_line` if the cycle had been printed, and its replies are noted.
        """
        cycle = HandedOver()
        cycle.take(home, lambda *_: slot_of(now))
        self.uncertain |= cycle.uncertain
        handed = {source: devices for (source, _), devices in cycle.by_slot.items()}
        self.killed.append(KilledCycle(at=now, has_line=has_line, handed=handed))

    def _shown(
        self, home: SimulatedHome, source: str, slot: datetime, at: datetime
    ) -> dict[str, float | None]:
        shown: dict[str, float | None] = {}
        if source == "hue":
            for sensor in home.sensors:
                device = sensor.device_id
                reachable = [home.is_reachable(device, at - before) for before in _REACHABLE_BEFORE]
                if any(reachable):
                    shown[device] = home.temperature(device, at)
                if not all(reachable):
                    self.uncertain.add((device, slot))
            return shown
        alexa = home.alexa
        for monitor in alexa.monitors:
            if alexa.is_reachable(monitor.serial, at):
                has_temperature = Quantity.TEMPERATURE in monitor.quantities
                value = alexa.value(monitor.serial, Quantity.TEMPERATURE, at) if has_temperature else None
                shown[monitor.device_id] = value
        return shown


@attrs.frozen(kw_only=True)
class Account:
    """The figures of a simulation, and the promises that were broken."""

    slots_due: int
    slots_with_a_row: int
    states: Mapping[str, int]
    causes_right: int
    causes_wrong: Mapping[str, int]
    short_troubles: int  # of each source by itself
    mended_by_retry: int
    handed_over: int
    stored: int
    lost: int
    in_flight: int  # of cycles that were killed before they were stored, where the ledger says so
    twice: int
    not_handed_over: int  # readings that are stored although the home did not hand them over
    rows_of_no_time: int  # rows of the ledger at times that the collector's clock did not pass
    wrong_values: int
    refusals: int  # of a token
    alerts_called_for: int  # fewer than those, where the pause after one may last until the next
    kills: Mapping[str, int]  # by their moment in a cycle
    watched: Watched
    broken: Sequence[str] = ()


def account(
    database: Path,
    handed_over: HandedOver,
    watched: Watched,
    *,
    clock: RecordedClock,
    end: datetime,
    troubles: Sequence[Trouble],
) -> Account:
    """Count the home's account and the database from the clock's start to `end` against each other."""
    start = clock.start
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT source, slot, state, cause, unread FROM outcomes ORDER BY slot")
        outcomes = {
            (source, datetime.fromisoformat(slot)): (state, cause, json.loads(unread or "{}"))
            for source, slot, state, cause, unread in rows
        }
        readings = [
            ((device, datetime.fromisoformat(slot)), celsius)
            for slot, device, celsius in connection.execute(
                "SELECT timestamp, device_id, temperature_celsius FROM readings "
                "UNION ALL SELECT timestamp, device_id, NULL FROM air_readings"
            )
        ]
    due = [(source, slot) for source in _READING_PATHS for slot in _slots(start, end)]
    stored = dict(readings)
    shown = dict[tuple[str, datetime], float | None]()
    outside = [key for key in outcomes if key[1] != slot_of(key[1])]
    in_flight = 0
    whole: dict[Key, Mapping[str, float | None]] = dict(handed_over.by_slot)
    for killed in handed_over.killed:
        for source, devices in killed.handed.items():
            key = killed.key(source, outside)
            if key in outcomes and outcomes[key][:2] == ("missed", "interrupted"):
                in_flight += len(devices)
            else:
                whole.setdefault(key, devices)
    ended = {key for key, (state, *_) in outcomes.items() if state != "missed"}
    for (source, slot), devices in whole.items():
        unread = outcomes.get((source, slot), ("", None, {}))[2]
        for device, celsius in devices.items():
            if not (device in unread and (device, slot) in handed_over.uncertain):
                shown[device, slot] = celsius
    right, wrong = _causes(due, outcomes, clock, troubles)
    short = [(source, one) for one in troubles if one.kind.is_short for source in one.kind.causes]
    refusals = [trouble for trouble in troubles if trouble.name == "token-refused"]
    counted = Account(
        slots_due=len(due),
        slots_with_a_row=sum(key in outcomes for key in due),
        states=dict(sorted(Counter(state for state, *_ in outcomes.values()).items())),
        causes_right=right,
        causes_wrong=dict(sorted(Counter(wrong.values()).items())),
        short_troubles=len(short),
        mended_by_retry=sum(not any(_is_during(one, key, clock) for key in wrong) for one in short),
        handed_over=len(shown),
        stored=len(readings),
        lost=sum(key not in stored for key in shown),
        in_flight=in_flight,
        twice=len(readings) - len(stored),
        not_handed_over=sum(key not in shown for key in stored),
        rows_of_no_time=_rows_of_no_time(outcomes, clock),
        wrong_values=sum(
            celsius is not None and (stored[key] is None or abs(stored[key] - celsius) > _SAME_CELSIUS)
            for key, celsius in shown.items()
            if key in stored
        ),
        refusals=len(refusals),
        alerts_called_for=len(refusals)
        - sum(two.begins_s - one.ends_s < _LONGEST_PAUSE_S for one, two in pairwise(refusals)),
        kills=Counter(killed.moment(ended, handed_over.by_slot, outside) for killed in handed_over.killed),
        watched=watched,
    )
    return attrs.evolve(counted, broken=tuple(_broken(counted)))


def _broken(counted: Account) -> Iterator[str]:
    """Yield the promises that were broken."""
    watched = counted.watched
    if missing := counted.slots_due - counted.slots_with_a_row:
        yield f"{missing:,} of {counted.slots_due:,} slots have no row in the ledger"
    wrong = sum(counted.causes_wrong.values())
    if counted.causes_right < _RIGHT_SHARE * (counted.causes_right + wrong):
        yield f"{wrong:,} rows of the ledger name a wrong cause: {dict(counted.causes_wrong)}"
    for number, promise in (
        (counted.lost, "readings were handed over and are not stored"),
        (counted.twice, "readings are stored twice"),
        (counted.not_handed_over, "readings are stored that the home did not hand over"),
        (counted.rows_of_no_time, "rows of the ledger are of times that the clock did not pass"),
        (counted.wrong_values, "readings have another value than the home showed"),
    ):
        if number:
            yield f"{number:,} {promise}"
    if counted.mended_by_retry < _MENDED_SHARE * counted.short_troubles:
        mended, short = counted.mended_by_retry, counted.short_troubles
        yield f"a retry mended {mended:,} of {short:,} short troubles, fewer than {_MENDED_SHARE:.0%}"
    raised, cleared = watched.alerts_raised, watched.alerts_cleared
    if raised != cleared or not counted.alerts_called_for <= raised <= counted.refusals:
        called_for = counted.alerts_called_for
        yield f"{called_for} alerts were called for; {raised} were raised and {cleared} cleared"
    yield from watched.broken(counted.slots_due * INTERVAL / len(_READING_PATHS) / timedelta(days=1))


def _causes(
    due: Sequence[tuple[str, datetime]],
    outcomes: Mapping[tuple[str, datetime], tuple[str, str | None, object]],
    clock: RecordedClock,
    troubles: Sequence[Trouble],
) -> tuple[int, dict[tuple[str, datetime], str]]:
    """Count the rows whose cause is that of a trouble of their source; return the words of the others."""
    right, wrong = 0, dict[tuple[str, datetime], str]()
    last_failure: dict[str, str | None] = {}
    for source, slot in due:
        if (source, slot) not in outcomes:
            continue
        state, cause, _ = outcomes[source, slot]
        if state == "stored":
            right += 1
            continue
        if state == "deferred":  # since the source asked for it, or would refuse again
            is_right = cause is not None and cause == last_failure.get(source)
        else:
            if state == "failed":
                last_failure[source] = cause
            during = [one for one in troubles if _is_during((source, one), (source, slot), clock)]
            is_right = cause in clock.causes(slot, slot + INTERVAL) or any(
                cause in one.kind.causes.get(source, ())
                for one in during
                if len(during) > 1 or not one.kind.is_short
            )
        if is_right:
            right += 1
        else:
            wrong[source, slot] = f"{source} {state} {cause}"
    return right, wrong


def _is_during(trouble: tuple[str, Trouble], cycle: tuple[str, datetime], clock: RecordedClock) -> bool:
    """Return whether a cycle of the source, in the slot, may meet the trouble."""
    source, one = trouble
    slot = cycle[1]
    return source == cycle[0] and any(
        one.begins_s < until_s + LONGEST_CYCLE_S and one.ends_s > since_s
        for since_s, until_s in clock.turns_of(slot, slot + INTERVAL)
    )


def _rows_of_no_time(outcomes: Iterable[tuple[str, datetime]], clock: RecordedClock) -> int:
    """Count the rows whose slot the clock has neither shown nor jumped over."""
    return sum(not any(clock.turns_of(slot, slot + INTERVAL)) for _, slot in outcomes)


def _slots(start: datetime, end: datetime) -> Iterator[datetime]:
    slot = slot_of(start)
    while slot < end:
        yield slot
        slot += INTERVAL


def slot_of(at: datetime) -> datetime:
    """Return the slot of an instant."""
    return at - timedelta(seconds=at.timestamp() % INTERVAL.total_seconds())


def _is_whole(source: str, request: SeenRequest) -> bool:
    return (
        request.path in _READING_PATHS[source]
        and request.status == _OK
        and not request.is_refusal
        and _HARMLESS.issuperset(request.faults)
    )
