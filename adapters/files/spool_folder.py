"""A spool of JSON lines, one file a day, one line a cycle."""

from __future__ import annotations

import functools
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
from cattrs import Converter
from cattrs.preconf.json import make_converter
from cattrs.strategies import configure_tagged_union

from adapters.files.atomic_write import sync_folder
from adapters.files.locks import locked_file
from adapters.files.regular_file import open_regular
from domain.cycle import Collected, CycleReport, Outcome
from domain.errors import SpoolError
from domain.progress import Waiting
from domain.reading import fit_to_table
from ports.clock import Clock
from ports.journal import Journal, Level

_MODE = 0o640
_QUARANTINE = "aside.jsonl"
_LOCK = "lock"
_PREFIX, _SEPARATOR, _SUFFIX = b'{"crc32":"', b'","report":', b"}\n"
_BODY_OFFSET = len(_PREFIX) + 8 + len(_SEPARATOR)
_HEAD_BYTES = 40  # enough for the first line's checksum: a new file of the same name may reuse the inode
_Progress = tuple[bytes, int]  # the first bytes of the file, and the offset up to which it was drained


class FileSpool:
    """Keeps up to `max_bytes` of waiting cycles in all files together, not counting quarantined ones.

    A line is written and synced under the folder's lock, and truncated again if that fails. A file is removed
    when all of it was drained.
    """

    def __init__(
        self, folder: Path, *, clock: Clock, journal: Journal, max_bytes: int = 64 * 1024 * 1024
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._journal = journal
        self._max_bytes = max_bytes
        self._progress: dict[str, _Progress] = {}

    def add(self, report: CycleReport) -> None:
        line = _encode(report)
        with self._translate_errors(), self._locked():
            used = sum(path.stat().st_size for path in self._files())
            if used + len(line) > self._max_bytes:
                raise SpoolError(
                    f"{self._folder} is full ({used:,} bytes). Repair the database; then all of it is stored"
                )
            _append(self._folder / f"{self._clock.now():%Y-%m-%d}.jsonl", line)

    def drain(self, take: Callable[[CycleReport], bool]) -> int:
        taken = 0
        with self._translate_errors():
            for path in self._files():
                is_done = True
                for line in self._undrained_lines(path):
                    report = self._decode(path, line)
                    if report is None or not take(report):
                        is_done &= self._quarantine(line)
                    else:
                        taken += 1
                    head, offset = self._progress[path.name]
                    self._progress[path.name] = head, offset + len(line)
                if is_done:
                    self._remove_drained(path)
        return taken

    def waiting(self) -> Waiting:
        waiting = Waiting()
        with self._translate_errors():
            for path in self._files():
                for line in self._undrained_lines(path):
                    if (report := self._decode(path, line)) is not None:
                        waiting.add(report)
        return waiting

    def _files(self) -> list[Path]:
        """Return the files, oldest first; none if there is no folder."""
        return sorted(self._folder.glob("????-??-??.jsonl"))

    def _undrained_lines(self, path: Path) -> Iterator[bytes]:
        """Yield the whole lines that are not drained yet. Another process may have removed the file."""
        try:
            file = os.fdopen(open_regular(path, os.O_RDONLY), "rb")
        except FileNotFoundError:
            return
        with file:
            head = os.pread(file.fileno(), _HEAD_BYTES, 0)
            known_head, offset = self._progress.get(path.name, (head, 0))
            if known_head != head:  # another process drained the old file, and this one is new
                offset = 0
            self._progress[path.name] = head, offset
            file.seek(offset)
            for line in file:
                if line.endswith(b"\n"):
                    yield line

    def _decode(self, path: Path, line: bytes) -> CycleReport | None:
        try:
            return _decode(line)
        except ValueError as error:
            self._journal.record(Level.CRITICAL, "spool.line_damaged", file=str(path), error=str(error))
            return None

    def _quarantine(self, line: bytes) -> bool:
        """Copy the line to the quarantine file. Return False if that fails: then its file must stay."""
        try:
            with self._locked():
                _append(self._folder / _QUARANTINE, line)
        except OSError as error:
            self._journal.record(Level.ERROR, "spool.not_put_aside", error=str(error))
            return False
        return True

    def _remove_drained(self, path: Path) -> None:
        """Remove the file, with a partial last line that a crash left, unless a line was added meanwhile."""
        with self._locked():
            try:
                descriptor = open_regular(path, os.O_RDONLY)
            except FileNotFoundError:
                return
            try:
                drained = os.pread(descriptor, _HEAD_BYTES, 0), _end_of_whole_lines(descriptor)
            finally:
                os.close(descriptor)
            if self._progress.get(path.name) == drained:
                path.unlink()
                sync_folder(self._folder)
                del self._progress[path.name]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with locked_file(self._folder / _LOCK, _MODE):
            yield

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SpoolError(f"{self._folder} cannot be used: {error.strerror or error}") from error


def _encode(report: CycleReport) -> bytes:
    """Return the report as one line with a checksum.

    Readings are encoded as a store would keep them, since JSON has no infinities and no NaN.
    Measurements are left out: a cycle that could not be stored is no measure for others.
    """
    finite = attrs.evolve(report, outcomes=tuple(map(_storable, report.outcomes)), measurements=())
    plain = _converter().unstructure(finite)
    return _with_checksum(json.dumps(plain, separators=(",", ":"), allow_nan=False).encode())


def _decode(line: bytes) -> CycleReport:
    """Return the report of a line. Raise `ValueError` for anything that `_encode` did not make."""
    body = line[_BODY_OFFSET : -len(_SUFFIX)]
    if line != _with_checksum(body):
        raise ValueError("it is damaged: its checksum does not match")
    try:
        # in lines of earlier programs measurements have another form
        return _converter().structure({**json.loads(body), "measurements": []}, CycleReport)
    except Exception as error:  # cattrs raises many kinds
        raise ValueError(f"another version must have written it: {type(error).__name__}") from error


def _with_checksum(body: bytes) -> bytes:
    return b"%s%08x%s%s%s" % (_PREFIX, zlib.crc32(body), _SEPARATOR, body, _SUFFIX)


def _storable(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Collected):
        return outcome
    return attrs.evolve(outcome, readings=tuple(map(fit_to_table, outcome.readings)))


@functools.cache
def _converter() -> Converter:
    converter = make_converter()
    configure_tagged_union(
        Outcome, converter, tag_name="outcome", tag_generator=lambda kind: str(kind.__name__).lower()
    )
    return converter


def _append(path: Path, line: bytes) -> None:
    """Append the line durably, or leave the file as it was. Overwrite a partial line that a crash left."""
    is_new = not path.exists()
    descriptor = open_regular(path, os.O_RDWR | os.O_CREAT, _MODE)
    try:
        end = _end_of_whole_lines(descriptor)
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
        sync_folder(path.parent)


def _end_of_whole_lines(descriptor: int) -> int:
    end = os.fstat(descriptor).st_size
    while end and os.pread(descriptor, 1, end - 1) != b"\n":
        end -= 1
    return end
