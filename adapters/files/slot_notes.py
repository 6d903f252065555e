"""The note in a source's lock file: its holder, and slots whose cycles are not on disk.

It is overwritten in place and padded with empty lines, so that a full disk has room for it. Processes of any
version read each other's notes: those from before `not stored` see only what is `in hand`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import attrs

from domain.schedule import SlotRun

_IN_PROGRESS = "in hand"
_NOT_STORED = "not stored"
_NOTE_BYTES = 4096
_READ_BYTES = 10_000
_MOST_RUNS = 20
_MOST_SLOTS = 100


@attrs.frozen(kw_only=True)
class SlotNote:
    """The slots whose cycles have begun but not ended, and those whose readings are only in memory."""

    in_progress: AbstractSet[datetime] = frozenset()
    not_stored: tuple[SlotRun, ...] = ()

    def joined(self, other: SlotNote) -> SlotNote:
        return SlotNote(
            in_progress=self.in_progress | other.in_progress,
            not_stored=tuple(dict.fromkeys((*self.not_stored, *other.not_stored))),
        )


def write_note(
    descriptors: Iterable[int], holder: str, note: SlotNote | None = None, *, is_durable: bool = False
) -> None:
    """Write the note into the first of the files that takes it; where none does, the lock holds without."""
    content = _encode(holder, note or SlotNote())
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.pwrite(descriptor, content, 0)
            if is_durable:
                os.fsync(descriptor)
            return


def read_note(descriptor: int) -> SlotNote:
    """Return the slots in a note; what is damaged in it counts as not there."""
    in_progress: set[datetime] = set()
    runs: list[SlotRun] = []
    for line in _lines(descriptor):
        with contextlib.suppress(ValueError):
            if line.startswith(_IN_PROGRESS):
                in_progress.add(_slot(line.removeprefix(_IN_PROGRESS)))
            elif line.startswith(_NOT_STORED):
                first, last, step_s = line.removeprefix(_NOT_STORED).split()
                runs.append(SlotRun(first=_slot(first), last=_slot(last), step_s=int(step_s)))
    return SlotNote(in_progress=in_progress, not_stored=tuple(runs))


def read_holder(descriptor: int) -> str:
    """Return who holds the lock, or held it last; "" if that is not known."""
    return next(iter(_lines(descriptor)), "").strip()


def _encode(holder: str, note: SlotNote) -> bytes:
    """Return the note, without the oldest slots if it would be too long."""
    lines = [
        holder,
        *(
            f"{_NOT_STORED} {run.first.isoformat()} {run.last.isoformat()} {run.step_s}"
            for run in note.not_stored[-_MOST_RUNS:]
        ),
        *(
            f"{_IN_PROGRESS} {slot.isoformat()}"
            for slot in sorted(note.in_progress, reverse=True)[:_MOST_SLOTS]
        ),
    ]
    text = b""
    for line in lines:
        encoded = line.encode() + b"\n"
        if len(text) + len(encoded) > _NOTE_BYTES:
            break
        text += encoded
    return text.ljust(_NOTE_BYTES, b"\n")


def _lines(descriptor: int) -> Sequence[str]:
    """Return the lines that have an end."""
    with contextlib.suppress(OSError):
        return os.pread(descriptor, _READ_BYTES, 0).decode(errors="replace").split("\n")[:-1]
    return ()


def _slot(text: str) -> datetime:
    slot = datetime.fromisoformat(text.strip())
    if slot.tzinfo is None:
        raise ValueError("a slot without a time zone")
    return slot
