"""Whether the rows of a ledger are right, by the simulated home's own list of what it was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from adapters.simulator.simulation.home_list import INTERVAL, AskedCycle, HomeList

_LONGEST_PAUSE = timedelta(hours=1)
_SPARE = timedelta(seconds=30)  # the longest cycle: a wait that a source asks for counts from its end
_PAUSED_FOR = ("throttled", "credentials")

Row = tuple[str, str | None]  # state and cause


@attrs.define
class _Pause:
    """Why a source may not be asked: the refusals in a row before, with that cause, and until when."""

    cause: str = ""
    refusals: int = 0
    until: datetime | None = None

    def after(self, asked: AskedCycle, slot: datetime) -> _Pause:
        """Return the pause after a cycle.

        The first refusal is followed by none, unless the source asks for it; then each pause is twice as
        long as the one before, up to an hour. A credential that is refused for good is tried about hourly.
        """
        cause = next((one for one in _PAUSED_FOR if one in asked.causes), "")
        if not cause:
            return _Pause()
        refusals = self.refusals + 1 if cause == self.cause else 1
        pause = min(_LONGEST_PAUSE, INTERVAL * int(2 ** min(refusals - 1, 9)))
        if cause == "credentials":
            pause = 2 * _LONGEST_PAUSE  # an hour in which the refusal is remembered, and the pause after it
        asked_for = min(_LONGEST_PAUSE, timedelta(seconds=asked.wait_s)) + _SPARE
        return _Pause(cause, refusals, slot + max(pause, asked_for))

    def allows(self, slot: datetime) -> bool:
        return self.until is not None and slot < self.until


def wrong_causes(
    due: Sequence[tuple[str, datetime]],
    rows: Mapping[tuple[str, datetime], Row],
    home_list: HomeList,
    stops: Sequence[tuple[datetime, datetime]],
) -> Iterator[tuple[tuple[str, datetime], str]]:
    """Yield the slots whose row is wrong, and what is wrong with it.

    `stops` are the times at which the collector did not run, from the end of its last cycle. In a slot that
    began in one of them, and in which the source was not asked, it was stopped.
    """
    pauses: dict[str, _Pause] = {}
    for key in due:
        source, slot = key
        asked, row = home_list.cycles.get(key), rows.get(key)
        right: set[Row]
        if asked is None:
            right = _not_asked(slot, pauses.get(source, _Pause()), stops)
        else:
            pauses[source] = pauses.get(source, _Pause()).after(asked, slot)
            right = {("failed", cause) for cause in asked.causes}
            if asked.was_handed_over:
                right = {("stored", None)}
        if row is not None and row not in right:
            words = " or ".join(sorted(map(_words, right))) or "asked"
            yield key, f"{source} {_words(row)} instead of {words}"


def _not_asked(slot: datetime, pause: _Pause, stops: Sequence[tuple[datetime, datetime]]) -> set[Row]:
    """Return the right rows for a slot in which the source was not asked."""
    if any(begin <= slot < end for begin, end in stops):
        return {("missed", "stopped")}
    if not pause.allows(slot):
        return set()
    rows: set[Row] = {("deferred", pause.cause)}
    if pause.cause == "credentials":
        rows.add(("failed", pause.cause))  # a cycle that remembers the refusal
    return rows


def _words(row: Row) -> str:
    return " ".join(word for word in row if word)
