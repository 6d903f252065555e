"""State in one JSON file, which several processes may share."""

from __future__ import annotations

import contextlib
import json
import math
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from adapters.files.atomic_write import write_atomically
from adapters.files.locks import lock_within_limit
from ports.journal import Journal, Level
from ports.state import Json, State

_MODE = 0o600  # what was learned tells about the home
_DAMAGED_KEPT = 9
_MOST_BYTES = 8 * 1024 * 1024  # many times what the program ever puts there
_DEEPEST = 50  # levels of nesting; what is kept has a handful

_Values = dict[str, Mapping[str, Json]]
_Version = tuple[int, int, int] | None


class FileState:
    """Keeps what cannot be written in memory, until it can.

    A lock file beside the file lets processes change different keys without losing each other's. A
    damaged file is put aside when the next value is written, so that reading never changes anything.
    """

    def __init__(self, path: Path, journal: Journal) -> None:
        self._path = path
        self._journal = journal
        self._unsaved: _Values = {}
        self._seen: tuple[_Version, _Values] = (None, {})
        self._lock = threading.Lock()

    def get(self, key: str) -> Mapping[str, Json]:
        try:
            with self._lock:
                values = self._unsaved if key in self._unsaved else self._current()
                return {name: _copied(part) for name, part in values.get(key, {}).items()}
        except (OSError, ValueError) as error:
            self._report("state_unreadable", error)
            return {}

    def put(self, key: str, value: Mapping[str, Json]) -> None:
        with self._lock:
            try:
                self._unsaved[key] = json.loads(json.dumps(value, allow_nan=False))
                with self._file_lock():
                    self._write({**self._read_or_put_aside(), **self._unsaved})
            except (OSError, ValueError, TypeError) as error:
                self._report("state_unsaved", error)
            else:
                self._unsaved = {}

    def _current(self) -> _Values:
        """What the file holds, read again only when it is another one than last time."""
        version = self._version()
        if version != self._seen[0]:
            self._seen = (version, self._read())
        return self._seen[1] if version is not None else {}

    def _version(self) -> _Version:
        """Every write makes a new file, so these tell two of them apart; None where there is none."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> _Values:
        """What the file holds. Raises `ValueError` when it is damaged."""
        try:
            if self._path.stat().st_size > _MOST_BYTES:
                raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
            values = json.loads(self._path.read_bytes(), parse_constant=_refuse, parse_float=_finite)
            _copied(values)  # what is nested too deeply for that is of no use
        except FileNotFoundError:
            return {}
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error
        if not isinstance(values, dict) or not all(isinstance(value, dict) for value in values.values()):
            raise ValueError("it is not an object of objects")
        return values

    def _read_or_put_aside(self) -> _Values:
        try:
            return self._read()
        except ValueError as error:
            aside = self._name_aside()
            self._path.replace(aside)
            self._journal.record(Level.WARNING, "state_damaged", kept_as=str(aside), message=str(error))
            return {}

    def _name_aside(self) -> Path:
        names = [self._path.with_name(f"{self._path.name}.damaged-{n}") for n in range(1, _DAMAGED_KEPT + 1)]
        return next((name for name in names if not name.exists()), names[-1])

    def _write(self, values: _Values) -> None:
        # a line a key, to be read by people too: json's own indents are written by Python and not by C
        parts = [f"{json.dumps(key)}: {_line(values[key])}" for key in sorted(values)]
        text = "{\n" + ",\n".join(parts) + "\n}\n"
        write_atomically(self._path, text.encode(), mode=_MODE)

    @contextlib.contextmanager
    def _file_lock(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock_path = self._path.with_name(f"{self._path.name}.lock")
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            lock_within_limit(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _report(self, event: str, error: Exception) -> None:
        self._journal.record(
            Level.WARNING, event, file=str(self._path), error=type(error).__name__, message=str(error)
        )


def _copied(value: Json, levels: int = _DEEPEST) -> Json:
    """A copy of what JSON can be; copy.deepcopy looks for much else. RecursionError beyond `levels`."""
    if levels < 0:  # how deep Python itself goes differs from version to version
        raise RecursionError(f"more than {_DEEPEST} levels")
    if isinstance(value, dict):
        return {key: _copied(part, levels - 1) for key, part in value.items()}
    return [_copied(part, levels - 1) for part in value] if isinstance(value, list) else value


def _line(value: Mapping[str, Json]) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    """What can be written again: 1e999 is read as an infinity, which JSON has no word for."""
    if math.isinf(number := float(text)):
        raise ValueError(f"{text[:20]} is no number")
    return number


# State that is read from elsewhere, and whose changes nobody else sees.


class StateCopy:
    """For whoever looks and must not leave anything behind: what is put stays here."""

    def __init__(self, original: State) -> None:
        self._original = original
        self._own: dict[str, Mapping[str, Json]] = {}

    def get(self, key: str) -> Mapping[str, Json]:
        return self._own[key] if key in self._own else self._original.get(key)

    def put(self, key: str, value: Mapping[str, Json]) -> None:
        self._own[key] = value
