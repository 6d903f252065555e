"""Cuts at random instants of a recording, and what a store finds on the disk after each."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from domain.errors import StoreError
from tests.support.databases import a_store
from tests.support.power.disk import Disk
from tests.support.power.events import Acknowledged
from tests.support.power.recording import Recording
from tests.support.power.storing import rows_of, slot_of

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - what is rebuilt here has been through its power cut already


@attrs.frozen(kw_only=True)
class Cut:
    """The files that a cut left, after which event it came, and what had been acknowledged by then."""

    after: int
    files: Mapping[str, bytes]
    acknowledged: Sequence[str]


def cuts(recording: Recording, instants: Sequence[int], chance: random.Random) -> Iterator[Cut]:
    """A cut after each of that many events; one disk goes through the recording once."""
    disk, acknowledged, done = Disk(recording.before), list[str](), 0
    for instant in sorted(instants):
        for event in recording.events[done:instant]:
            disk.happen(event)
            if isinstance(event, Acknowledged):
                acknowledged.append(event.line)
        done = instant
        yield Cut(after=instant, files=disk.after_cut(chance), acknowledged=acknowledged.copy())


def random_instants(recording: Recording, count: int, chance: random.Random) -> list[int]:
    return [chance.randint(0, len(recording.events)) for _ in range(count)]


def tally(
    recording: Recording, count: int, *, seed: int, verdict: Callable[[Path, Cut], str] | None = None
) -> Counter[str]:
    """How many of so many random cuts ended in which verdict."""
    chance = random.Random(seed)  # noqa: S311 - a seed must give the same cuts again
    verdicts = Counter[str]()
    for cut in cuts(recording, random_instants(recording, count, chance), chance):
        with rebuilt(cut.files) as folder:
            verdicts[(verdict or of_a_store)(folder / "readings.db", cut)] += 1
    return verdicts


def of_a_store(database: Path, cut: Cut) -> str:
    """Open it as the next start of the program does, and count: `kept`, `lost`, `in part` or `corrupt`."""
    store = a_store(database)
    try:
        store.open()
    except StoreError:
        return "corrupt"
    finally:
        store.close()
    try:
        with closing(sqlite3.connect(database)) as connection:
            return _of_rows(connection, cut.acknowledged)
    except sqlite3.DatabaseError:
        return "corrupt"


def _of_rows(connection: sqlite3.Connection, acknowledged: Sequence[str]) -> str:
    if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        return "corrupt"
    stored = [slot for (slot,) in connection.execute("SELECT slot FROM outcomes WHERE state = 'stored'")]
    if not set(acknowledged) <= set(stored):
        return "lost"
    slots = [datetime.fromisoformat(slot) for slot in stored]
    rows = connection.execute("SELECT timestamp, device_id, temperature_celsius FROM readings").fetchall()
    in_hand = {slot_of(number).isoformat() for number in range(len(acknowledged) + 1)}
    is_whole = len(rows) == len(set(rows)) and set(rows) == rows_of(slots) and set(stored) <= in_hand
    return "kept" if is_whole else "in part"


@contextmanager
def rebuilt(files: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder with these files."""
    with TemporaryDirectory(dir=_IN_MEMORY if _IN_MEMORY.is_dir() else None) as name:
        for file, content in files.items():
            path = Path(name) / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield Path(name)
