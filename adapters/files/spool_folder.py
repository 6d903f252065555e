"""A cycle's report as one line of JSON, and back."""

from __future__ import annotations

import functools
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from adapters.files.locks import lock_within_limit
from domain.cycle import Collected, CycleReport, Outcome
from domain.errors import SpoolError
from domain.progress import Waiting
from domain.reading import storable
from ports.clock import Clock
from ports.journal import Journal, Level

if TYPE_CHECKING:
    from cattrs import Converter


_HEAD, _BEFORE, _TAIL = b'{"crc32":"', b'","report":', b"}\n"
_BODY_BEGINS = len(_HEAD) + 8 + len(_BEFORE)


def as_line(report: CycleReport) -> bytes:
    """The report on one line, its end included, with a checksum before it.

    Its readings are as a store would keep them: JSON has no word for infinities and NaN.
    """
    finite = attrs.evolve(report, outcomes=tuple(map(_finite, report.outcomes)))
    plain = _converter().unstructure(finite)
    return _line(json.dumps(plain, separators=(",", ":"), allow_nan=False).encode())


def report_of(line: bytes) -> CycleReport:
    """The report of a line. Raises `ValueError` for anything that `as_line` has not made."""
    body = line[_BODY_BEGINS : -len(_TAIL)]
    if line != _line(body):
        raise ValueError("it is damaged: its checksum is not that of its content")
    try:
        return _converter().structure(json.loads(body), CycleReport)
    except Exception as error:  # what cattrs raises is of many kinds
        raise ValueError(f"another version must have written it: {type(error).__name__}") from error


def _line(body: bytes) -> bytes:
    return b"%s%08x%s%s%s" % (_HEAD, zlib.crc32(body), _BEFORE, body, _TAIL)


def _finite(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Collected):
        return outcome
    return attrs.evolve(outcome, readings=tuple(map(storable, outcome.readings)))


@functools.cache
def _converter() -> Converter:
    # Imported when it is needed: most runs never spool, and it takes longer to import than a cycle lasts.
    from cattrs.preconf.json import make_converter
    from cattrs.strategies import configure_tagged_union

    converter = make_converter()
    configure_tagged_union(
        Outcome, converter, tag_name="outcome", tag_generator=lambda kind: str(kind.__name__).lower()
    )
    return converter


# A spool of JSON lines, one file a day.

_MODE = 0o640
_ASIDE = "aside.jsonl"
_LOCK = "lock"
_HEAD_BYTES = 40  # hold the first line's checksum: a new file of the same name may get the old one's number
_Place = tuple[bytes, int]  # how the file begins, and how far it was drained


class FileSpool:
    """Keeps at most `max_bytes` of cycles that wait, all days together; what was put aside is beside that.

    A line is written and synced while the folder's lock is held, and cut off again when that fails. A file
    goes when all of it was drained.
    """

    def __init__(
        self, folder: Path, *, clock: Clock, journal: Journal, max_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._journal = journal
        self._max_bytes = max_bytes
        self._drained: dict[str, _Place] = {}

    def add(self, report: CycleReport) -> None:
        line = as_line(report)
        with self._told(), self._locked():
            used = sum(path.stat().st_size for path in self._files())
            if used + len(line) > self._max_bytes:
                raise SpoolError(
                    f"{self._folder} is full ({used:,} bytes): mend the database, and all of it is stored"
                )
            _append(self._folder / f"{self._clock.now():%Y-%m-%d}.jsonl", line)

    def drain(self, take: Callable[[CycleReport], bool]) -> int:
        taken = 0
        with self._told():
            for path in self._files():
                is_done = True
                for line in self._undrained(path):
                    report = self._readable(path, line)
                    if report is None or not take(report):
                        is_done &= self._is_put_aside(line)
                    else:
                        taken += 1
                    self._advance(path, len(line))
                if is_done:
                    self._forget(path)
        return taken

    def waiting(self) -> Waiting:
        waiting = Waiting()
        with self._told():
            for path in self._files():
                for line in self._undrained(path):
                    if (report := self._readable(path, line)) is not None:
                        waiting.add(report)
        return waiting

    def _files(self) -> list[Path]:
        """Oldest first; none where there is no folder."""
        return sorted(self._folder.glob("????-??-??.jsonl"))

    def _undrained(self, path: Path) -> Iterator[bytes]:
        """The whole lines of the file that were not drained yet; none of one that another process drained."""
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return
        with file:
            head = os.pread(file.fileno(), _HEAD_BYTES, 0)
            known_head, offset = self._drained.get(path.name, (head, 0))
            if known_head != head:  # another process has drained that one, and this one is new
                offset = 0
            self._drained[path.name] = head, offset
            file.seek(offset)
            for line in file:
                if line.endswith(b"\n"):
                    yield line

    def _readable(self, path: Path, line: bytes) -> CycleReport | None:
        try:
            return report_of(line)
        except ValueError as error:
            self._journal.record(Level.CRITICAL, "spool.line_damaged", file=str(path), error=str(error))
            return None

    def _advance(self, path: Path, length: int) -> None:
        head, offset = self._drained[path.name]
        self._drained[path.name] = head, offset + length

    def _is_put_aside(self, line: bytes) -> bool:
        """Whether it could be. If not, its file stays, and a later process comes by it again."""
        try:
            with self._locked():
                _append(self._folder / _ASIDE, line)
        except OSError as error:
            self._journal.record(Level.ERROR, "spool.not_put_aside", error=str(error))
            return False
        return True

    def _forget(self, path: Path) -> None:
        """Remove the file, with what a crash left of a last line, unless something came in meanwhile."""
        with self._locked():
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return
            try:
                drained = os.pread(descriptor, _HEAD_BYTES, 0), _end_of_whole_lines(descriptor)
            finally:
                os.close(descriptor)
            if self._drained.get(path.name) == drained:
                path.unlink()
                _sync(self._folder)
                del self._drained[path.name]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            lock_within_limit(descriptor)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SpoolError(f"{self._folder} cannot be used: {error.strerror or error}") from error


def _append(path: Path, line: bytes) -> None:
    """Add the line durably, or leave the file as it was. What a crash left of a last line is cut off."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
    try:
        end = _end_of_whole_lines(descriptor)
        os.ftruncate(descriptor, end)
        try:
            written = 0
            while written < len(line):
                written += os.pwrite(descriptor, line[written:], end + written)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)
    if is_new:
        _sync(path.parent)


def _end_of_whole_lines(descriptor: int) -> int:
    end = os.fstat(descriptor).st_size
    while end and os.pread(descriptor, 1, end - 1) != b"\n":
        end -= 1
    return end


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
