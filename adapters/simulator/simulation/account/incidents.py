"""Alerts and incidents: those that a collector raised, against those that its cycles call for.

What a cycle calls for follows from its rows in the ledger, which are judged by what the home was asked.
"""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import attrs

Key = tuple[str, datetime]  # source and slot
LOOK_AFTER_S = 1.0  # after a cycle: alerts are raised in the background, and then sent
# Cycles in a row until an incident opens; see `alerts` in docs/reference/configuration.md.
_PATIENCE = {"credentials": 1, "source_silent": 3, "device_silent": 12, "spool_in_use": 1}
_LONGEST_PATIENCE = max(_PATIENCE.values())
_FROM_THE_HOUSE = ("battery_low", "value_unchanged")  # whose sensors have such days, and are not compared
_BOARD = "credentials:amazon"


@attrs.frozen(kw_only=True)
class Row:
    """A row of the ledger; `unread` are devices, with the cause of each.

    `readings` counts those that were stored; `taken` are devices whose reading is taken from another source.
    """

    state: str
    cause: str | None
    is_scheduled: bool
    unread: Mapping[str, str] = attrs.field(factory=dict)
    readings: int = 0
    taken: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class AlertLook:
    """What was there after a cycle, at a true second from the start: open incidents, and the alert file.

    `slots` are those of the cycle's outcomes, by source.
    `is_stored` if the ledger had the cycle when it ended. It and `incidents` are None if that could not be
    read.
    """

    at_s: float
    slots: Mapping[str, datetime]
    is_stored: bool | None
    incidents: frozenset[str] | None
    has_alert: bool


@attrs.frozen
class CollectorKilled:
    """The collector was killed: what it had noted of the cycles since the last look may be lost."""


@attrs.frozen
class StateAway:
    """The state of the collector could not be looked at, and may have begun anew."""


Seen = AlertLook | CollectorKilled | StateAway


@attrs.define(kw_only=True)
class AlertWatch:
    """Looks at the ledger, the state and the alert file of a home."""

    database: Path
    state: Path
    alert_file: Path
    elapsed_s: Callable[[], float]  # the true time
    seen: list[Seen] = attrs.field(factory=list)
    _pending: tuple[Mapping[str, datetime], bool | None, asyncio.TimerHandle] | None = None
    _changed: tuple[int, int] | None = None
    _incidents: frozenset[str] = frozenset()

    def note_cycle(self, slots: Mapping[str, datetime]) -> None:
        """Note a cycle that has just ended, with the slots of its outcomes, and look at it a moment later."""
        self.note_pending()
        is_stored = self._has(slots)
        timer = asyncio.get_running_loop().call_later(LOOK_AFTER_S, self._look)
        self._pending = slots, is_stored, timer

    def note_kill(self) -> None:
        """Note that the collector was killed."""
        self.note_pending()
        self.seen.append(CollectorKilled())

    def note_state_away(self) -> None:
        """Note that the state cannot be looked at."""
        self.note_pending()
        self.seen.append(StateAway())

    def note_pending(self) -> None:
        """Note a cycle that ended, without a look at what followed from it."""
        if self._pending is not None:
            slots, is_stored, timer = self._pending
            timer.cancel()
            self._pending = None
            self.seen.append(
                AlertLook(
                    at_s=self.elapsed_s(), slots=slots, is_stored=is_stored, incidents=None, has_alert=False
                )
            )

    def _look(self) -> None:
        if self._pending is not None:
            slots, is_stored, _ = self._pending
            self._pending = None
            self.seen.append(
                AlertLook(
                    at_s=self.elapsed_s(),
                    slots=slots,
                    is_stored=is_stored,
                    incidents=self.incidents(),
                    has_alert=self.alert_file.exists(),
                )
            )

    def _has(self, slots: Mapping[str, datetime]) -> bool | None:
        """Return whether the ledger has these rows; a slot that the clock jumped over may have had one."""
        try:
            with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
                query = "SELECT 1 FROM outcomes WHERE source = ? AND slot = ? AND state <> 'missed'"
                return all(
                    connection.execute(query, (source, slot.isoformat())).fetchone()
                    for source, slot in slots.items()
                )
        except sqlite3.Error:
            return None if self.database.exists() else False

    def incidents(self) -> frozenset[str] | None:
        """Return the keys of the open incidents in the state."""
        try:
            status = self.state.stat()
            if (changed := (status.st_mtime_ns, status.st_ino)) != self._changed:
                saved = json.loads(self.state.read_bytes()).get("incidents", {})
                self._incidents = frozenset(key for key, one in saved.items() if one["told_at"] is not None)
                self._changed = changed
        except (OSError, ValueError):
            return None
        return self._incidents


@attrs.frozen(kw_only=True)
class AlertAccount:
    """How often incidents of each topic were called for and opened, and what was wrong after a cycle.

    Topics of the database and the clock are only compared with the kinds of trouble so far. `alerts` counts
    how often the alert file was called for. `compared` are the cycles after which both were
    looked at.
    """

    alerts: int
    called_for: Mapping[str, int]
    opened: Mapping[str, int]
    compared: int
    wrong: Mapping[str, int]


@attrs.define
class _Expected:
    """What the cycles so far call for."""

    counts: Counter[str] = attrs.field(factory=Counter)  # bad cycles in a row
    open: set[str] = attrs.field(factory=set)
    unsure: set[str] = attrs.field(factory=set)  # since a kill

    def bad(self, topic: str, subject: str) -> None:
        key = f"{topic}:{subject}"
        self.counts[key] += 1
        if self.counts[key] >= _PATIENCE[topic]:
            self.open.add(key)

    def good(self, topic: str, subject: str) -> None:
        key = f"{topic}:{subject}"
        self.counts.pop(key, None)
        self.open.discard(key)
        self.unsure.discard(key)

    def note(self, source: str, row: Row, read: Iterable[str], *, is_stale: bool) -> None:
        """Note what a cycle of a source calls for; `read` are the devices that have a reading of it.

        A source that a person must sign in to is not silent, too. One that `is_stale` has a refresh token
        that is accepted. A cycle outside the schedule may end a silence, but does not count towards one.
        """
        match row.state, row.cause:
            case "stored", _:
                self.good("credentials", source)
                self.good("source_silent", source)
                for device in read:
                    self.good("device_silent", device)
                for device in row.unread if row.is_scheduled else ():
                    self.bad("device_silent", device)
            case "failed", "credentials" if not is_stale:
                self.bad("credentials", source)
            case ("failed", _) | ("deferred", "throttled") if row.is_scheduled:
                self.bad("source_silent", source)

    def take(self, there: frozenset[str]) -> None:
        """Take the open incidents as right."""
        self.open = {key for key in there if _topic(key) in _PATIENCE}
        self.counts.update({key: _LONGEST_PATIENCE for key in self.open if key not in self.counts})

    def forget(self) -> None:
        """Note that what the collector has counted is uncertain."""
        self.unsure |= {*self.counts, *self.open}


def alert_account(
    seen: Sequence[Seen],
    rows: Mapping[Key, Row],
    read: Mapping[Key, Sequence[str]],
    others: Mapping[str, float],
    stale: Collection[Key] = (),
) -> AlertAccount:
    """Compare what was there after each cycle with what the cycles so far call for.

    `read` are the devices that have a reading of a row, `others` when troubles first called for topics that
    no cycle calls for. `stale` are cycles whose source refused what a good refresh token gives.
    """
    expected = _Expected()
    called_for, opened, wrong = Counter[str](), Counter[str](), Counter[str]()
    before: frozenset[str] = frozenset()
    alerts = compared = 0
    hidden = 0  # cycles until all that counts is known again
    for look in seen:
        match look:
            case CollectorKilled():
                expected.forget()
                continue
            case StateAway():
                hidden = _LONGEST_PATIENCE
                continue
        if any(rows.get(key) is None or rows[key].state == "missed" for key in look.slots.items()):
            hidden = _LONGEST_PATIENCE  # its row was lost, and nobody knows what it called for
        was_open = frozenset(expected.open)
        for source, slot in look.slots.items():
            if (row := rows.get((source, slot))) is not None:
                expected.note(source, row, read.get((source, slot), ()), is_stale=(source, slot) in stale)
        if look.is_stored is not None:
            (expected.good if look.is_stored else expected.bad)("spool_in_use", "database")
        called_for.update(map(_topic, expected.open - was_open))
        alerts += _BOARD in expected.open - was_open
        if look.incidents is None:
            continue
        if hidden:
            hidden -= 1
            expected.take(look.incidents)
            before = look.incidents
            continue
        compared += 1
        opened.update(map(_topic, look.incidents - before))
        before = look.incidents
        wrong.update(_differences(look.incidents, look, expected, others))
    return AlertAccount(
        alerts=alerts,
        called_for=dict(sorted(called_for.items())),
        opened=dict(sorted(opened.items())),
        compared=compared,
        wrong=dict(sorted(wrong.items())),
    )


def _differences(
    there: frozenset[str], look: AlertLook, expected: _Expected, others: Mapping[str, float]
) -> Iterator[str]:
    """Yield what was there and should not have been, or the other way round."""
    for key in there.symmetric_difference(expected.open) - expected.unsure:
        topic = _topic(key)
        if topic in _PATIENCE:
            yield f"{topic} {'open' if key in there else 'missing'}"
        elif topic not in _FROM_THE_HOUSE and look.at_s < others.get(topic, math.inf):
            yield f"{topic} open"
    if _BOARD not in expected.unsure and look.has_alert is not (_BOARD in expected.open):
        yield f"alert_file {'there' if look.has_alert else 'missing'}"


def _topic(key: str) -> str:
    return key.partition(":")[0]
