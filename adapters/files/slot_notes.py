"""The note in a source's lock file: its holder, slots whose cycles are not on disk, and those that ran.

It is overwritten in place and padded with empty lines, so that a full disk has room for it. Processes of any
version read each other's notes: earlier ones skip the lines that they do not know.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime

import attrs

from domain.schedule import SlotRun

_IN_PROGRESS = "in hand"
_NOT_STORED = "not stored"
_RAN = "ran"
_NOTE_BYTES = 4096
_READ_BYTES = 10_000
MOST_RUNS = 20
_MOST_SLOTS = 100


@attrs.frozen(kw_only=True)
class SlotNote:
    """The slots whose cycles have begun but not ended, those whose readings are only in memory, and others.

    `ran` are slots whose cycles have ended: the database may be lost, or be replaced by an older one.
    """

    in_progress: AbstractSet[datetime] = frozenset()
    not_stored: tuple[SlotRun, ...] = ()
    ran: tuple[SlotRun, ...] = ()

    def joined(self, other: SlotNote) -> SlotNote:
        return SlotNote(
            in_progress=self.in_progress | other.in_progress,
            not_stored=tuple(dict.fromkeys((*self.not_stored, *other.not_stored))),
            ran=tuple(sorted({*self.ran, *other.ran}, key=lambda run: (run.first, run.last))),
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
    runs: dict[str, list[SlotRun]] = {_NOT_STORED: [], _RAN: []}
    for line in _lines(descriptor):
        with contextlib.suppress(ValueError):
            if line.startswith(_IN_PROGRESS):
                in_progress.add(_slot(line.removeprefix(_IN_PROGRESS)))
            for kind, found in runs.items():
                if line.startswith(kind):
                    first, last, step_s = line.removeprefix(kind).split()
                    found.append(SlotRun(first=_slot(first), last=_slot(last), step_s=int(step_s)))
    return SlotNote(in_progress=in_progress, not_stored=tuple(runs[_NOT_STORED]), ran=tuple(runs[_RAN]))


def read_holder(descriptor: int) -> str:
    """Return who holds the lock, or held it last; "" if that is not known."""
    return next(iter(_lines(descriptor)), "").strip()


def _encode(holder: str, note: SlotNote) -> bytes:
    """Return the note, without the oldest slots if it would be too long."""
    lines = [
        holder,
        *_run_lines(_NOT_STORED, note.not_stored),
        *(
            f"{_IN_PROGRESS} {slot.isoformat()}"
            for slot in sorted(note.in_progress, reverse=True)[:_MOST_SLOTS]
        ),
        *_run_lines(_RAN, note.ran),
    ]
    text = b""
    for line in lines:
        encoded = line.encode() + b"\n"
        if len(text) + len(encoded) > _NOTE_BYTES:
            break
        text += encoded
    return text.ljust(_NOTE_BYTES, b"\n")


def _run_lines(kind: str, runs: Sequence[SlotRun]) -> Iterator[str]:
    for run in runs[-MOST_RUNS:]:
        yield f"{kind} {run.first.isoformat()} {run.last.isoformat()} {run.step_s}"


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
