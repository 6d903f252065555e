"""One folder of the spool: JSON lines, one file a day and a reserve, one line a cycle."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import attrs

from adapters.files.atomic_write import sync_folder
from adapters.files.locks import locked_file
from adapters.files.regular_file import make_folder, open_regular, problem_of_file, problem_of_folder
from adapters.files.spool.lines import HEAD_BYTES, decode
from adapters.files.spool.reserve import SpoolReserve, end_of_whole_lines, write_at
from domain.cycle import CycleReport
from ports.clock import Clock
from ports.journal import Journal, Level

_MODE = 0o640
_DAY = re.compile(r"\d{4}-\d\d-\d\d\.jsonl")
_QUARANTINE = "aside.jsonl"
_QUARANTINED_AT_ONCE = 1000  # lines, each synced otherwise: a foreign file would take minutes
_LOCK = "lock"
_RESERVE = "reserve"
_OLDEST = datetime.min.replace(tzinfo=UTC)
_SETTLED_S = 2.0  # a file that changes twice within a tick of the disk's clock looks the same
_Drained = tuple[bytes, int]  # the first bytes of the file, and the offset up to which it was drained
_Look = tuple[int, int, int]  # the folder's inode and when it changed, and when its reserve did


@attrs.frozen(kw_only=True)
class SpooledLine:
    """A line of a file; `report` is None if it is damaged."""

    path: Path
    line: bytes = attrs.field(repr=False)
    report: CycleReport | None

    @property
    def slot(self) -> datetime:
        """The oldest slot in the line; a damaged line has the oldest of all."""
        if self.report is None:
            return _OLDEST
        entries = (*self.report.outcomes, *self.report.missed)
        return min((entry.due.slot for entry in entries), default=_OLDEST)


class SpoolFolder:
    """Adds lines durably, and remembers up to where this process has drained each file.

    It is used for adding only after `prepare`, and only while the folder that it is in is the one that was
    there then: a disk that went away must not be written to below its mount point. Errors are `OSError`.
    """

    def __init__(self, folder: Path, *, clock: Clock, journal: Journal, reserve_bytes: int) -> None:
        self.path = folder
        self._path, self._reserve_path = str(folder), str(folder / _RESERVE)
        self._clock = clock
        self._journal = journal
        self._reserve = SpoolReserve(folder / _RESERVE, reserve_bytes)
        self._parent: tuple[int, int] | None = None
        self._drained: dict[str, _Drained] = {}
        self._unmoved: dict[str, list[bytes]] = {}  # lines that could not be copied to the quarantine
        self._look: _Look | None = None  # how the folder looks, since when by the elapsed time,
        self._since_s = 0.0
        self._is_empty = False  # and whether it was found empty once it had looked so for long enough

    def prepare(self, *, parents: bool) -> None:
        """Create the folder, `parents` too, its lock and its reserve; from now on lines can be added."""
        make_folder(self.path, parents=parents)
        os.close(open_regular(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _MODE))
        self._parent = _identity(self.path.parent)
        try:
            with self._locked():
                self._reserve.make()
        except OSError as error:
            self._journal.record(Level.WARNING, "spool.no_reserve", folder=str(self.path), error=str(error))

    def problem(self) -> str | None:
        """Return why this process could not add lines, or drain those that wait; changes nothing."""
        files = [self.path / _LOCK, self._reserve.path, self.path / _QUARANTINE]
        try:
            files += self._days()
        except OSError as error:
            return f"{self.path} cannot be read: {error.strerror}"
        problems = (problem_of_folder(self.path), *map(problem_of_file, files))
        return next((problem for problem in problems if problem is not None), None)

    @property
    def is_prepared(self) -> bool:
        return self._parent is not None

    def is_usable(self) -> bool:
        """Return whether lines can be added, as far as is known without trying."""
        try:
            return self._parent is not None and _identity(self.path.parent) == self._parent
        except OSError:
            return False

    def used_bytes(self) -> int:
        """Return the size of the days' files; the reserve does not count."""
        return sum(path.stat().st_size for path in self._days())

    def add(self, line: bytes) -> None:
        """Add the line durably, to the day's file, else to the reserve; or leave both as they were."""
        make_folder(self.path, parents=False)
        with self._locked():
            try:
                _append(self.path / f"{self._clock.now():%Y-%m-%d}.jsonl", line)
            except OSError as error:
                try:
                    self._reserve.add(line)
                except OSError:
                    raise error from None

    def is_known_empty(self) -> bool:
        """Return whether it is not there, or as it was when it was found empty: two `stat` calls."""
        try:
            folder = os.stat(self._path)  # noqa: PTH116 - each cycle; a Path costs more than the call
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return True  # it is not there, or not for this user
        try:
            reserve_ns = os.stat(self._reserve_path).st_mtime_ns  # noqa: PTH116
        except OSError:
            reserve_ns = 0
        look = folder.st_ino, folder.st_mtime_ns, reserve_ns
        if look != self._look:
            self._look, self._since_s, self._is_empty = look, self._clock.elapsed_s(), False
        return self._is_empty and not self._drained

    def undrained(self) -> Iterator[SpooledLine]:
        """Yield the whole lines that are not drained yet, oldest first. Raise a file's error at the end."""
        if self.is_known_empty():
            return
        has_settled = self._clock.elapsed_s() - self._since_s > _SETTLED_S
        days = self._days()
        is_empty = not days
        errors: list[OSError] = []
        reserve = [] if self._reserve.is_blank() else [self._reserve.path]
        streams = self._lines_of(days, errors), self._lines_of(reserve, errors)
        for spooled in heapq.merge(*streams, key=_slot_of):
            is_empty = False
            yield spooled
        if errors:
            raise errors[0]
        self._is_empty = is_empty and has_settled

    def mark_drained(self, spooled: SpooledLine, *, is_stored: bool) -> None:
        """Note that the line need not be drained again; one that is not stored goes to the quarantine."""
        name = spooled.path.name
        if not is_stored:
            self._unmoved.setdefault(name, []).append(spooled.line.lstrip(b"\0"))
        head, offset = self._drained[name]
        self._drained[name] = head, offset + len(spooled.line)

    def remove_drained(self) -> None:
        """Empty the files of which all is drained, or in the quarantine."""
        for name in tuple(self._drained):
            if self._quarantine(name):
                self._remove_if_drained(self.path / name)

    def _days(self) -> list[Path]:
        """Return the days' files, oldest first; none if there is no folder."""
        try:
            names = os.listdir(self.path)  # noqa: PTH208 - unlike glob it says what is wrong
        except (FileNotFoundError, NotADirectoryError):
            return []
        return [self.path / name for name in sorted(names) if _DAY.fullmatch(name)]

    def _lines_of(self, paths: list[Path], errors: list[OSError]) -> Iterator[SpooledLine]:
        for path in paths:
            is_reported = False
            try:
                for line in self._undrained_lines(path):
                    report = self._decode(path, line, reports=not is_reported)
                    is_reported |= report is None
                    yield SpooledLine(path=path, line=line, report=report)
            except OSError as error:
                errors.append(error)

    def _undrained_lines(self, path: Path) -> Iterator[bytes]:
        """Yield the lines. Another process may have removed the file."""
        try:
            file = os.fdopen(open_regular(path, os.O_RDONLY), "rb")
        except FileNotFoundError:
            self._drained.pop(path.name, None)
            return
        with file:
            head = os.pread(file.fileno(), HEAD_BYTES, 0)
            known_head, offset = self._drained.get(path.name, (head, 0))
            if known_head != head:  # another process drained the old lines, and these are new
                offset = 0
            self._drained[path.name] = head, offset
            file.seek(offset)
            for line in file:
                if line.endswith(b"\n"):
                    yield line

    def _decode(self, path: Path, line: bytes, *, reports: bool) -> CycleReport | None:
        try:
            return decode(line)
        except ValueError as error:
            if reports:  # once a file
                self._journal.record(Level.CRITICAL, "spool.line_damaged", file=str(path), error=str(error))
            return None

    def _quarantine(self, name: str) -> bool:
        """Copy the file's lines that were not stored. Return False if that fails: then the file must stay."""
        lines = self._unmoved.get(name, [])
        while lines:
            try:
                with self._locked():
                    _append(self.path / _QUARANTINE, b"".join(lines[:_QUARANTINED_AT_ONCE]))
            except OSError as error:
                self._journal.record(Level.ERROR, "spool.not_put_aside", error=str(error))
                return False
            del lines[:_QUARANTINED_AT_ONCE]
        return True

    def _remove_if_drained(self, path: Path) -> None:
        """Remove the file, with a partial last line that a crash left, unless a line was added meanwhile."""
        with self._locked():
            try:
                descriptor = open_regular(path, os.O_RDONLY)
            except FileNotFoundError:
                del self._drained[path.name]
                return
            try:
                whole = os.pread(descriptor, HEAD_BYTES, 0), end_of_whole_lines(descriptor)
            finally:
                os.close(descriptor)
            if self._drained[path.name] != whole:
                return
            if path != self._reserve.path:
                path.unlink()
                sync_folder(self.path)
            elif whole[1]:
                self._reserve.clear()
            del self._drained[path.name]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with locked_file(self.path / _LOCK, _MODE, makes_folder=False):
            yield


def _slot_of(spooled: SpooledLine) -> datetime:
    return spooled.slot


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _append(path: Path, line: bytes) -> None:
    """Append the line durably, or leave the file as it was. Overwrite a partial line that a crash left."""
    is_new = not path.exists()
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _MODE)
    try:
        end = end_of_whole_lines(descriptor)
        try:
            write_at(descriptor, line, end)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)
    if is_new:
        sync_folder(path.parent)
