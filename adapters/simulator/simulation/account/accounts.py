"""The simulated home's own account of what it handed over, compared with what a database holds.

The database is read with SQL of its own: nothing of the collector takes part in the count.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import attrs

from adapters.simulator.simulation.account.agreement import Agreement, agreement
from adapters.simulator.simulation.account.causes import Stop, asked_in_pause, wrong_causes
from adapters.simulator.simulation.account.gaps import unexplained_gaps
from adapters.simulator.simulation.account.home_list import (
    INTERVAL,
    HomeList,
    slot_of,
    slots_between,
)
from adapters.simulator.simulation.account.incidents import (
    AlertAccount,
    AlertLook,
    Key,
    Row,
    Seen,
    alert_account,
)
from adapters.simulator.simulation.account.local_days import wrong_days
from adapters.simulator.simulation.account.locks import Lock, short_locks
from adapters.simulator.simulation.account.losses import lost_with_memory, unwritable
from adapters.simulator.simulation.account.shown import QUERY, Shown, Stored
from adapters.simulator.simulation.account.two_bridges import newest, taken_from_others, wrong_rows
from adapters.simulator.simulation.bounds import Watched
from adapters.simulator.simulation.clocks import RecordedClock
from adapters.simulator.simulation.effects import Loss
from adapters.simulator.simulation.troubles import Trouble

_MENDED_SHARE = 0.95
_STORE = "store.append"
_OUTCOMES = (
    "SELECT source, slot, state, cause, scheduled, unread, readings, notes FROM outcomes ORDER BY slot"
)


@attrs.frozen(kw_only=True)
class Account:
    """The figures of a simulation, and the promises that were broken.

    `short_troubles` are requests that a short trouble cost, and commits that met a short lock.
    """

    slots_due: int
    slots_with_a_row: int
    states: Mapping[str, int]
    causes_right: int
    causes_wrong: Mapping[str, int]
    on_two_bridges: int  # readings of a device that both bridges handed over
    rows_of_bridges_wrong: Mapping[str, int]  # by what is wrong with them
    requests_wrong: Mapping[str, int]  # that no source should have had
    gaps_wrong: Mapping[str, int]  # of single devices
    first_wrong: str | None
    short_troubles: int
    mended_by_retry: int
    short_troubles_by_operation: Mapping[str, int]  # of the collector
    mended_by_operation: Mapping[str, int]
    handed_over: int
    stored: int
    lost: int
    said_to_be_lost: int  # by the ledger, where nothing could keep them, or by `db salvage`
    in_flight: int  # of cycles that were killed before they were stored, where the ledger says so
    twice: int
    not_handed_over: int  # readings that are stored although the home did not hand them over
    days_wrong: int  # local days, by device, whose sums are not those of their readings
    rows_of_no_time: int  # rows of the ledger at times that the collector's clock did not pass
    wrong_values: int
    compared_by_column: Mapping[str, int]  # of a reading
    wrong_by_column: Mapping[str, int]
    refusals: int  # of a refresh token, for good
    alerts_called_for: int
    incidents: AlertAccount
    kills: Mapping[str, int]  # by their moment in a cycle
    agreement: Agreement
    watched: Watched
    broken: Sequence[str] = ()


def account(
    database: Path,
    home: Path,
    home_list: HomeList,
    watched: Watched,
    *,
    clock: RecordedClock,
    end: datetime,
    stops: Sequence[Stop],
    alerts: Sequence[Seen],
    locks: Sequence[Lock],
    troubles: Sequence[Trouble],
    losses: Sequence[Loss] = (),
    reported_lost: int = 0,
) -> Account:
    """Count the home's account and the database from the clock's start to `end` against each other."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        outcomes = {
            (source, datetime.fromisoformat(slot)): Row(
                state=state,
                cause=cause,
                is_scheduled=bool(is_scheduled),
                unread=_causes(unread),
                readings=readings,
                taken=taken_from_others(notes),
            )
            for source, slot, state, cause, is_scheduled, unread, readings, notes in connection.execute(
                _OUTCOMES
            )
        }
        readings = [
            ((device, datetime.fromisoformat(slot)), Stored.of(columns))
            for slot, device, *columns in connection.execute(QUERY)
        ]
        agreed = agreement(connection, home)
        days_wrong = wrong_days(connection)
    due = [(source, slot) for source in home_list.sources for slot in slots_between(clock.start, end)]
    stored = dict(readings)
    outside = [key for key in outcomes if key[1] != slot_of(key[1])]
    shown, in_flight = _shown(home_list, outcomes, outside)
    ended = {key for key, row in outcomes.items() if row.state != "missed"}
    ledger = {key: (row.state, row.cause) for key, row in outcomes.items()}
    losses = (*losses, *lost_with_memory(troubles))
    not_ended = {one.key(source, outside) for one in home_list.killed for source in home_list.sources}
    said = {
        (source, slot)
        for (source, slot), (state, cause) in ledger.items()
        if state == "missed"
        and (cause == "not_stored" or (source, slot) not in home_list.cycles or (source, slot) in not_ended)
        and any(loss.has(slot, clock) for loss in losses)
    }
    said_to_be_lost = {
        (device, slot)
        for device, slot in shown
        if (home_list.source_of[device], slot) in said
        # of a cycle outside the schedule no row is missing
        or (slot != slot_of(slot) and any(loss.has(slot, clock) for loss in losses))
    }
    missing = {key for key in shown if key not in stored and key not in said_to_be_lost}
    counted_lost = missing if len(missing) <= reported_lost else set()
    if counted_lost:  # `db salvage` counts them
        said_to_be_lost |= missing
        miscounted = max(agreed.slots_miscounted - len({slot for _, slot in missing}), 0)
        agreed = attrs.evolve(agreed, slots_miscounted=miscounted)
    looks_s = [look.at_s for look in alerts if isinstance(look, AlertLook)]
    found = wrong_causes(due, ledger, home_list, clock, stops, looks_s)
    wrong = [one for one in found if one[0] not in said]
    compared, wrong_values = Counter[str](), Counter[str]()
    for key, one in shown.items():
        if key in stored:
            one.compare(stored[key], compared, wrong_values)
    read: dict[Key, list[str]] = {}
    for device, slot in stored:
        listed = home_list.listed.get((device, slot))
        source = newest(listed)[0] if listed else home_list.source_of.get(device, "")
        read.setdefault((source, slot), []).append(device)
    explained = {key: list(devices) for key, devices in read.items()}
    for device, slot in counted_lost:
        explained.setdefault((home_list.source_of[device], slot), []).append(device)
    short, mended = home_list.short.copy(), home_list.mended.copy()
    for is_stored in short_locks((*locks, *unwritable(troubles)), alerts, home_list):
        short[_STORE] += 1
        mended[_STORE] += is_stored
    others = {topic: one.begins_s for one in reversed(troubles) for topic in one.incidents}
    forgotten_s = [  # an interim database knows no device
        *clock.forgets_s(),
        *(one.begins_s for one in troubles if "database_missing" in one.incidents),
    ]
    requests_wrong = home_list.rude + Counter(asked_in_pause(home_list, clock))
    stale = {key for key, asked in home_list.cycles.items() if asked.is_stale}
    incidents = alert_account(alerts, outcomes, read, others, stale)
    counted = Account(
        slots_due=len(due),
        slots_with_a_row=sum(key in outcomes for key in due),
        states=dict(sorted(Counter(row.state for row in outcomes.values()).items())),
        causes_right=sum(key in outcomes for key in due) - len(wrong),
        causes_wrong=dict(sorted(Counter(words for _, words in wrong).items())),
        requests_wrong=dict(sorted(requests_wrong.items())),
        gaps_wrong=unexplained_gaps(
            outcomes, explained, forgotten_s, lambda key: _turn_s(key, home_list, clock)
        ),
        first_wrong=wrong[0][0][1].isoformat() if wrong else None,
        short_troubles=short.total(),
        mended_by_retry=mended.total(),
        short_troubles_by_operation=dict(sorted(short.items())),
        mended_by_operation={operation: mended[operation] for operation in sorted(short)},
        handed_over=len(shown),
        stored=len(readings),
        lost=sum(key not in stored and key not in said_to_be_lost for key in shown) + home_list.again,
        said_to_be_lost=sum(key not in stored for key in said_to_be_lost),
        in_flight=in_flight,
        twice=len(readings) - len(stored),
        not_handed_over=sum(key not in shown for key in stored),
        days_wrong=days_wrong,
        rows_of_no_time=sum(not any(clock.turns_of(slot, slot + INTERVAL)) for _, slot in outcomes),
        wrong_values=wrong_values.total(),
        compared_by_column=dict(compared),
        wrong_by_column=dict(+wrong_values),
        on_two_bridges=sum(len(each) > 1 for each in home_list.listed.values()),
        rows_of_bridges_wrong=dict(sorted(Counter(wrong_rows(home_list.listed, outcomes)).items())),
        refusals=home_list.refusals,
        alerts_called_for=incidents.alerts,
        incidents=incidents,
        kills=Counter(killed.moment(ended, home_list.cycles, outside) for killed in home_list.killed),
        agreement=agreed,
        watched=watched,
    )
    return attrs.evolve(counted, broken=tuple(_broken(counted, end - clock.start)))


def _turn_s(key: Key, home_list: HomeList, clock: RecordedClock) -> float:
    """Return when a row had its turn, in true seconds: when its source was asked, if it was."""
    if (asked := home_list.cycles.get(key)) is not None:
        return asked.at_s
    return next((begins_s for begins_s, _ in clock.turns_of(key[1], key[1] + INTERVAL)), math.inf)


def _shown(
    home_list: HomeList, outcomes: Mapping[Key, Row], outside: Collection[Key]
) -> tuple[dict[Key, Shown], int]:
    """Return what must be stored, by device and slot, and how many readings were in flight at a kill."""
    shown = dict(home_list.shown)
    in_flight = 0
    for killed in home_list.killed:
        for source, devices in killed.handed.items():
            key = killed.key(source, outside)
            row = outcomes.get(key)
            if row is not None and (row.cause == "interrupted" or row.state in ("failed", "deferred")):
                in_flight += len(devices)
            else:
                for device, one in devices.items():
                    shown.setdefault((device, key[1]), one)
    for device, slot in home_list.uncertain.intersection(shown):
        row = outcomes.get((home_list.source_of[device], slot))
        if row is not None and device in row.unread:
            shown.pop((device, slot), None)
    return shown, in_flight


def _causes(unread: str | None) -> Mapping[str, str]:
    """Return the cause of each device in the column."""
    named = json.loads(unread).items() if unread else ()
    return {device: cause[0] if isinstance(cause, list) else cause for device, cause in named}


def _broken(counted: Account, length: timedelta) -> Iterator[str]:
    """Yield the promises that were broken."""
    watched = counted.watched
    if missing := counted.slots_due - counted.slots_with_a_row:
        yield f"{missing:,} of {counted.slots_due:,} slots have no row in the ledger"
    for promise, wrong_by_words in (
        ("rows of two bridges are wrong:", counted.rows_of_bridges_wrong),
        ("requests should not have been sent: to", counted.requests_wrong),
    ):
        for words, number in wrong_by_words.items():
            yield f"{number:,} {promise} {words}"
    causes, gaps = counted.causes_wrong, counted.gaps_wrong
    for number, promise in (
        (sum(causes.values()), f"rows of the ledger name a wrong cause: {dict(causes)}"),
        (sum(gaps.values()), f"devices without a reading are not explained: {dict(gaps)}"),
        (counted.lost, "readings were handed over and are not stored"),
        (counted.twice, "readings are stored twice"),
        (counted.not_handed_over, "readings are stored that the home did not hand over"),
        (counted.days_wrong, "days are summed up otherwise than their readings"),
        (counted.rows_of_no_time, "rows of the ledger are of times that the clock did not pass"),
        (counted.wrong_values, "values are not those that the home showed"),
    ):
        if number:
            yield f"{number:,} {promise}"
    yield from counted.agreement.broken()
    for operation, short in counted.short_troubles_by_operation.items():
        if (mended := counted.mended_by_operation[operation]) < _MENDED_SHARE * short:
            yield (
                f"a retry mended {mended:,} of {short:,} short troubles of {operation}, fewer than "
                f"{_MENDED_SHARE:.0%}"
            )
    for words, number in counted.incidents.wrong.items():
        compared = counted.incidents.compared
        yield f"alerts were not those called for: {words} after {number:,} of {compared:,} cycles"
    yield from watched.broken(length / timedelta(days=1))
