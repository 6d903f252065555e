"""How often a cycle makes the disk keep what was written, counted by strace."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

from tests.peers.contestants import Entry, at_work
from tests.peers.rounds import WARM_UP, Field, slots

_CYCLES = 288  # a day: what costs more in some hours must not be all that is seen, nor be overlooked


def syncs_a_cycle(field: Field, entry: Entry) -> float | None:
    """fsync and fdatasync in each of the contestant's cycles; None where strace is not, or may not."""
    if shutil.which("strace") is None:
        return None
    trace = field.folder / f"{entry.module}.strace"
    prefix = ["strace", "-f", "-q", "-e", "trace=fsync,fdatasync", "-o", str(trace)]
    cycles = _CYCLES // entry.every
    try:
        with at_work(entry, field.task(entry), prefix=prefix) as contestant:
            before = 0
            for number, slot in enumerate(slots(field.clock, WARM_UP + cycles)):
                if number == WARM_UP:
                    before = _counted(trace)
                field.clock.move_to(slot + timedelta(seconds=1))
                contestant.cycle(slot.isoformat())
            return (_counted(trace) - before) / cycles
    except RuntimeError:
        return None


def _counted(trace: Path) -> int:
    """Calls; one that another thread's interrupted is on two lines, of which the second is `resumed`."""
    return sum("sync(" in line for line in trace.read_text().splitlines())
