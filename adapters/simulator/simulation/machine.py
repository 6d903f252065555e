"""Troubles of the machine: of its disk, and of the files on it."""

from __future__ import annotations

import asyncio
import math
import random
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import attrs

from adapters.simulator.simulation.account.home_list import INTERVAL
from adapters.simulator.simulation.bounds import THIS_PROCESS
from adapters.simulator.simulation.effects import TO_NEXT_CYCLE_S, Effect, Loss, Place

_PAGE_BYTES = 4096
_LOGS = ("-wal", "-shm")


@attrs.frozen(kw_only=True)
class Part:
    """Another effect, from and until so many seconds after the others of its kind began."""

    effect: Effect
    from_s: float = 0.0
    until_s: float = math.inf

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        with ExitStack() as begun:
            end_s = min(self.until_s, lasts_s)

            def begin() -> None:
                begun.enter_context(self.effect.during(place, end_s - self.from_s))

            timers = [loop.call_later(self.from_s, begin), loop.call_later(end_s, begun.close)]
            yield
            for timer in timers:
                timer.cancel()


@attrs.frozen
class FullDisk:
    """No file can grow beyond `room_bytes`: the system refuses it, to SQLite too, as on a full disk.

    What is written over in place below that is taken, as a full disk takes it.
    """

    room_bytes: int

    @property
    def has_room(self) -> bool:
        """Whether there is room for the cycles of some hours: in what is overwritten, in each place."""
        return self.room_bytes > _PAGE_BYTES

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        place.rooms_bytes.append(self.room_bytes)
        _limit_files(place)
        yield
        place.rooms_bytes.remove(self.room_bytes)
        _limit_files(place)


@attrs.frozen
class DataAway:
    """The data folder is moved away, and back. What was made in its place meanwhile is kept."""

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        data = place.database.parent
        away = _free(data, "away")
        with suppress(FileNotFoundError):
            data.rename(away)
        with place.data.off():
            yield
        if away.exists():
            if data.exists():
                data.rename(_free(data, "meanwhile"))
            away.rename(data)


@attrs.frozen
class DeletedFiles:
    """Files of the database are deleted, by the ends of their names."""

    suffixes: tuple[str, ...] = ("", *_LOGS)

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        _note_loss(place)
        _delete(place.database, self.suffixes)
        yield


@attrs.frozen
class ReplacedDatabase:
    """The database is replaced by its newest backup, or by an empty file.

    With `is_in_place` it is copied over the file, which a collector may have open, by `cp`.
    """

    is_empty: bool = False
    is_in_place: bool = False

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        database, backups = place.database, _backups(place.database)
        new = database.with_name("new")
        with suppress(OSError):  # nothing is replaced while the disk is full, or the folder away
            if self.is_empty:
                new.touch()
            elif backups:
                shutil.copyfile(backups[-1], new)
            if database.exists() and new.exists():
                _note_loss(place, can_be_kept=not self.is_in_place)
                if self.is_in_place:  # by another process, as in DamagedPage
                    subprocess.run(["cp", new, database], capture_output=True, check=False)  # noqa: S603, S607
                else:
                    new.replace(database)
                if not place.collector.has_stored:
                    _delete(database, _LOGS)  # else SQLite would apply them to another file
        with suppress(FileNotFoundError):
            new.unlink()
        yield


@attrs.frozen
class DamagedPage:
    """Another program writes over a page of the database; then a person salvages what was set aside."""

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        database = place.database
        if database.exists():
            chance = random.Random(lasts_s)  # noqa: S311 - trouble, not secrets
            page = chance.randrange(max(database.stat().st_size // _PAGE_BYTES, 1))
            # by another process: closing a file in this one would release SQLite's locks on it
            command = ["dd", f"of={database}", f"bs={_PAGE_BYTES}", f"seek={page}", "conv=notrunc"]
            subprocess.run(command, input=chance.randbytes(_PAGE_BYTES), capture_output=True, check=False)  # noqa: S603
        yield
        for kept in sorted(database.parent.glob(f"{database.name}.damaged-*Z")):
            if kept not in place.salvaged and (lost := place.salvage(kept)) is not None:
                place.salvaged[kept] = lost


@attrs.frozen
class LogUnwritable:
    """A file stands in the place of the folder of the log."""

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        logs = place.folder / "logs"
        kept = _free(logs, "away")
        if logs.is_dir():
            logs.rename(kept)
            logs.touch()
        yield
        if kept.exists():
            logs.unlink()
            kept.rename(logs)


def _limit_files(place: Place) -> None:
    limits = [room for room in place.rooms_bytes if room != resource.RLIM_INFINITY]
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = min(limits, default=resource.RLIM_INFINITY), most
    if (process := place.collector.process) == THIS_PROCESS:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    else:
        with suppress(ProcessLookupError):  # it has ended
            resource.prlimit(int(process.name), resource.RLIMIT_FSIZE, limit)


def _note_loss(place: Place, *, can_be_kept: bool = True) -> None:
    """Note that what the newest backup lacks is lost, unless the collector has it open, and can keep it."""
    now_s = place.clock.elapsed_asleep_s()
    with suppress(sqlite3.Error, IndexError), closing(_read(_backups(place.database)[-1])) as backup:
        (newest,) = backup.execute("SELECT max(slot) FROM outcomes WHERE state <> 'missed'").fetchone()
        slot = datetime.fromisoformat(newest)
        since_s = min(
            (begins_s for begins_s, _ in place.clock.turns_of(slot, slot + INTERVAL)), default=now_s
        )
        if can_be_kept and place.collector.is_on.is_set() and place.collector.has_stored:
            place.at_risk.append(Loss(since_s, now_s + TO_NEXT_CYCLE_S))
        else:
            place.losses.append(Loss(since_s, now_s))


@contextmanager
def unlimited_files() -> Iterator[None]:
    """Let files grow during the block, although the collector's disk is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits[1], limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _read(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(database))}?mode=ro&immutable=1", uri=True)


def _backups(database: Path) -> list[Path]:
    """Return the daily backups of the database, oldest first."""
    return sorted(database.parent.glob(f"backups/{database.stem}-*.db"))


def _delete(database: Path, suffixes: Sequence[str]) -> None:
    for suffix in suffixes:
        database.with_name(f"{database.name}{suffix}").unlink(missing_ok=True)


def _free(path: Path, word: str) -> Path:
    """Return a path next to that one at which nothing is."""
    names = (f"{path.name}-{word}{number or ''}" for number in range(10_000))
    return next(one for name in names if not (one := path.with_name(name)).exists())
