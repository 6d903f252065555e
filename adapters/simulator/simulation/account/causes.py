"""Whether the rows of a ledger are right, by the simulated home's own list of what it was asked."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from adapters.simulator.simulation.account.home_list import INTERVAL, AskedCycle, HomeList, slot_of
from adapters.simulator.simulation.clocks import RecordedClock

_LONGEST_PAUSE = timedelta(hours=1)
_SPARE = timedelta(seconds=30)  # the longest cycle: a wait that a source asks for counts from its end
_WAKING_S = 30.0  # in which a collector looks at the clocks after a sleep
_PAUSED_FOR = ("throttled", "credentials")

Key = tuple[str, datetime]  # source and slot
Row = tuple[str, str | None]  # state and cause


@attrs.frozen
class Stop:
    """The collector did not run between these true seconds from the start."""

    begins_s: float
    ends_s: float

    def has(self, turns: Sequence[tuple[float, float]]) -> bool:
        """Return whether one of the turns of a slot came meanwhile, or while the machine slept before.

        A collector that is stopped as soon as the machine wakes does not see that it slept.
        """
        return any(
            begins_s < self.ends_s and self.begins_s <= ends_s + (_WAKING_S if ends_s > begins_s else 0.0)
            for begins_s, ends_s in turns
        )


def wrong_causes(
    due: Sequence[Key],
    rows: Mapping[Key, Row],
    home_list: HomeList,
    clock: RecordedClock,
    stops: Sequence[Stop],
    looks_s: Sequence[float] = (),
) -> Iterator[tuple[Key, str]]:
    """Yield the slots whose row is wrong, and what is wrong with it.

    `looks_s` are the ends of all cycles, in true seconds from the start.
    """
    pauses = _pauses(home_list)
    outside = [key for key in rows if key[1] != slot_of(key[1])]
    killed = {one.key(source, outside): one for one in home_list.killed for source in home_list.sources}
    for key in dict.fromkeys((*due, *home_list.cycles)):
        asked, row = home_list.cycles.get(key), rows.get(key)
        right: set[Row]
        if asked is None:
            right = _not_asked(key, pauses, clock, stops, looks_s)
            if key in home_list.unreachable:
                right.add(("failed", "network"))
        elif asked.was_handed_over:
            right = {("stored", None)}
        else:
            right = {("failed", cause) for cause in asked.causes}
        if key in killed:
            # by the moment of it: unless it asked, it may not even have noted that the cycle had begun
            right |= {("missed", "interrupted"), ("stored", None)}
            right |= {("failed", cause) for cause in killed[key].causes.get(key[0], ())}
            if not killed[key].causes:
                right.add(("missed", "stopped"))
        if row is not None and row not in right:
            words = " or ".join(sorted(map(_words, right))) or "asked"
            yield key, f"{key[0]} {_words(row)} instead of {words}"


def asked_in_pause(home_list: HomeList, clock: RecordedClock) -> Iterator[str]:
    """Yield, in words, the cycles that asked a source which had throttled two or more cycles before.

    Each pause is twice as long as the one before, up to an hour. None counts after a change of the clock, and
    a cycle outside the schedule heeds none.
    """
    refusals, until, since_s = Counter[str](), dict[str, datetime](), dict[str, float]()
    for (source, slot), asked in sorted(home_list.cycles.items(), key=lambda item: item[1].at_s):
        last_s = since_s.get(source, 0.0)
        is_set = any(one.begins_s <= asked.at_s and one.ends_s >= last_s for one in clock.changes)
        if slot < until.get(source, slot) and slot == slot_of(slot) and not is_set:
            yield f"{source} in a pause"
        refusals[source] = refusals[source] + 1 if asked.causes == {"throttled"} else 0
        pause = min(_LONGEST_PAUSE, INTERVAL * int(2 ** min(refusals[source] - 1, 9)))
        until[source] = slot + pause if refusals[source] else slot
        since_s[source] = asked.at_s


def _not_asked(
    key: Key,
    pauses: Mapping[str, _Pauses],
    clock: RecordedClock,
    stops: Sequence[Stop],
    looks_s: Sequence[float],
) -> set[Row]:
    """Return the right rows of a slot in which the source was not asked.

    Where the clock was set and the machine slept, with no cycle between, either is right.
    """
    source, slot = key
    turns = list(clock.turns_of(slot, slot + INTERVAL))
    rows: set[Row] = set()
    for change in clock.changes:
        if change.skips(slot, slot + INTERVAL):
            if clock.was_set_twice(change):  # nobody knows which slots a start in between was to have
                rows.add(("missed", "stopped"))
            rows |= {
                ("missed", other.cause)
                for other in clock.changes
                if bisect_left(looks_s, min(change.ends_s, other.ends_s))
                == bisect_left(looks_s, max(change.begins_s, other.begins_s))
            }
    rows |= {("missed", "stopped") for stop in stops if stop.has(turns)}
    for begins_s, _ in turns:
        for cause in pauses[source].at(slot, begins_s, clock) if source in pauses else ():
            rows.add(("deferred", cause))
            if cause == "credentials":
                rows.add(("failed", cause))  # a cycle that remembers the refusal
    return rows


@attrs.frozen
class _Pause:
    """So many refusals in a row with one cause; the source is not asked until then."""

    refusals: int
    until: datetime


@attrs.define
class _Pauses:
    """Why one source may not have been asked, after each of its cycles, in their order."""

    at_s: list[float] = attrs.field(factory=list)
    by_cause: list[dict[str, _Pause]] = attrs.field(factory=list)

    def add(self, asked: AskedCycle, slot: datetime, *, is_killed: bool = False) -> None:
        """Add those after a cycle.

        The first refusal is followed by none, unless the source asks for it; then each pause is twice as
        long as the one before, up to an hour. A credential that is refused for good is tried about hourly.
        A cycle that was killed may count or not.
        """
        before = self.by_cause[-1] if self.by_cause else {}
        after: dict[str, _Pause] = {}
        for cause in asked.causes.intersection(_PAUSED_FOR):
            refusals = before[cause].refusals + 1 if cause in before else 1
            pause = min(_LONGEST_PAUSE, INTERVAL * int(2 ** min(refusals - 1, 9)))
            if cause == "credentials":
                pause = 2 * _LONGEST_PAUSE  # an hour in which the refusal is remembered, and a pause
            asked_for = min(_LONGEST_PAUSE, timedelta(seconds=asked.wait_s)) + _SPARE
            after[cause] = _Pause(refusals, max(slot + pause, asked.last_at + asked_for))
        if is_killed:
            after = {**before, **after}
        self.at_s.append(asked.at_s)
        self.by_cause.append(after)

    def at(self, slot: datetime, turn_s: float, clock: RecordedClock) -> Iterator[str]:
        """Yield the causes for which the source was paused when the slot had its turn."""
        number = bisect_right(self.at_s, turn_s) - 1
        if number < 0:
            return
        since_s = self.at_s[number]
        was_set = any(one.ends_s >= since_s and one.begins_s <= turn_s for one in clock.changes)
        for cause, pause in self.by_cause[number].items():
            if was_set or slot < pause.until:  # a pause ends by a clock that may have been set meanwhile
                yield cause


def _pauses(home_list: HomeList) -> Mapping[str, _Pauses]:
    found: dict[str, _Pauses] = {}
    cycles = [(*key, asked, False) for key, asked in home_list.cycles.items()]
    for one in home_list.killed:
        cycles += [(source, slot_of(one.at), asked, True) for source, asked in one.asked.items()]
    for source, slot, asked, is_killed in sorted(cycles, key=lambda cycle: cycle[2].at_s):
        found.setdefault(source, _Pauses()).add(asked, slot, is_killed=is_killed)
    return found


def _words(row: Row) -> str:
    return " ".join(word for word in row if word)
