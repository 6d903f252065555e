"""Troubles of the machine: of its disk, and of the files on it."""

from __future__ import annotations

import asyncio
import resource
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import attrs

from adapters.simulator.simulation.effects import Effect, Place

_PAGE_BYTES = 4096


@attrs.frozen(kw_only=True)
class Later:
    """Another effect, which begins that long after the others of its kind, and ends with them."""

    effect: Effect
    after_s: float

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        with ExitStack() as begun:

            def begin() -> None:
                begun.enter_context(self.effect.during(place, lasts_s - self.after_s))

            timer = asyncio.get_running_loop().call_later(self.after_s, begin)
            yield
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
        return self.room_bytes >= _PAGE_BYTES

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del place, lasts_s
        before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        least = self.room_bytes if before == resource.RLIM_INFINITY else min(self.room_bytes, before)
        resource.setrlimit(resource.RLIMIT_FSIZE, (least, most))
        yield
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


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

    suffixes: tuple[str, ...]

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        for suffix in self.suffixes:
            _with_suffix(place.database, suffix).unlink(missing_ok=True)
        yield


@attrs.frozen
class ReplacedDatabase:
    """The database is replaced by its newest backup, or by an empty file."""

    is_empty: bool = False

    @contextmanager
    def during(self, place: Place, lasts_s: float) -> Iterator[None]:
        del lasts_s
        database = place.database
        backups = sorted(database.parent.glob(f"backups/{database.stem}-*.db"))
        new = database.with_name("new")
        with suppress(OSError):  # nothing is replaced while the disk is full, or the folder away
            if self.is_empty:
                new.touch()
            elif backups:
                shutil.copyfile(backups[-1], new)
            if database.exists():
                new.replace(database)
        with suppress(FileNotFoundError):
            new.unlink()
        yield


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


def _with_suffix(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{suffix}")


def _free(path: Path, word: str) -> Path:
    """Return a path next to that one at which nothing is."""
    names = (f"{path.name}-{word}{number or ''}" for number in range(10_000))
    return next(one for name in names if not (one := path.with_name(name)).exists())
