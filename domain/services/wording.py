"""What a source says in words, as far as the cycle repeats it: without secrets, and to a length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import attrs

from domain.outcome import SourceReply
from domain.values import frozen

LONGEST_WORDS = 1_000  # characters
MOST_NOTES = 20


@frozen
class Wording:
    """`redact` blots secrets out."""

    redact: Callable[[str], str]

    def words(self, said: str) -> str:
        """What somebody said, as the terminal, the journal and the ledger get it."""
        return self.redact(said)[:LONGEST_WORDS]

    def reply(self, reply: SourceReply) -> SourceReply:
        """The reply with its words so, and a note on numbers that were none."""
        return attrs.evolve(
            reply,
            unread=tuple(attrs.evolve(one, detail=self.words(one.detail)) for one in reply.unread),
            notes=self._notes((*_note_on(numbers_lost(reply)), *reply.notes)),
        )

    def _notes(self, notes: tuple[str, ...]) -> tuple[str, ...]:
        surplus = len(notes) - MOST_NOTES
        told = tuple(map(self.words, notes[:MOST_NOTES]))
        return (*told, f"and {surplus:,} more remarks") if surplus > 0 else told


def numbers_lost(reply: SourceReply) -> int:
    """How many numbers no table can hold, where the source found them and in its readings."""
    values = (value for one in reply.readings for value in (*one.values.values(), *one.other_values.values()))
    return reply.not_finite + sum(not math.isfinite(value) for value in values)


def _note_on(lost: int) -> Iterable[str]:
    if lost == 1:
        yield "1 value was NaN or infinite, and is not stored"
    elif lost:
        yield f"{lost:,} values were NaN or infinite, and are not stored"
