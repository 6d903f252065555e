"""State in one JSON file, which several processes may share."""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from adapters.files.atomic_write import write_atomically
from adapters.files.data_folder import DataFolder, LastingFolder
from adapters.files.locks import locked_file
from adapters.files.regular_file import NotAFileError, problem_of_file, problem_of_folder, reading
from ports.journal import Journal, Level
from ports.state import Json, State

_MODE = 0o600  # the content is about the home
_DAMAGED_KEPT = 9
_MOST_BYTES = 8 * 1024 * 1024  # many times what the program ever writes
_DEEPEST = 50  # levels of nesting; what the program writes has a handful

_Values = dict[str, Mapping[str, Json]]
_Version = tuple[int, int, int] | None


class FileState:
    """The file, read again only after it has changed. What cannot be written is kept in memory.

    A lock file next to it lets processes change different keys without losing each other's values. A damaged
    file is renamed at the next write; reading never changes anything. While the data folder is away, the
    state is what it was, with what is put meanwhile.

    What cannot be written is also saved in the first of the `spares` that can be written, until it can be.
    """

    def __init__(
        self, path: Path, journal: Journal, *, data: DataFolder | None = None, spares: Sequence[Path] = ()
    ) -> None:
        self._path = path
        self._journal = journal
        self._spares = spares
        self._spare_folders: dict[Path, LastingFolder] = {}
        self._has_read_spares = False
        self._has_spare = False
        self._data = data or DataFolder(path.parent)
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._unsaved: _Values = {}
        self._cached: tuple[_Version, _Values] = (None, {})
        self._lock = threading.Lock()

    def get(self, key: str) -> Mapping[str, Json]:
        try:
            with self._lock:
                if not self._has_read_spares:
                    self._read_spares()
                values = self._unsaved if key in self._unsaved else self._load()
                return {name: _copy(part) for name, part in values.get(key, {}).items()}
        except (OSError, ValueError) as error:
            self._log_failure("state_unreadable", error)
            return {}

    def put(self, key: str, value: Mapping[str, Json]) -> None:
        with self._lock:
            try:
                if not self._has_read_spares:
                    self._read_spares()
                self._unsaved[key] = json.loads(json.dumps(value, allow_nan=False))
                self._data.require()
                with locked_file(self._lock_path, _MODE):
                    values = {**self._read_or_quarantine(), **self._unsaved}
                    # without a value nothing is left of a key
                    left = {name: value for name, value in values.items() if value}
                    write_atomically(self._path, _encode(left), mode=_MODE, follows_link=False)
            except (OSError, ValueError, TypeError) as error:
                if not (self._write_spare() and self._data.is_away()):
                    self._log_failure("state_unsaved", error)
            else:
                self._unsaved = {}
                self._remove_spares()

    def problem(self) -> str | None:
        """Return why this process could not read or save the file; changes nothing."""
        try:
            self._read()
        except OSError as error:
            return f"{self._path} cannot be read: {error.strerror}"
        except ValueError as error:
            return f"{self._path} is damaged: {error}"
        return problem_of_file(self._lock_path) or problem_of_folder(self._path.parent)

    def _load(self) -> _Values:
        if self._data.is_away():
            return self._cached[1]
        version = self._version()
        if version != self._cached[0]:
            self._cached = (version, self._read())
        return self._cached[1] if version is not None else {}

    def _version(self) -> _Version:
        """Identify the file's content: each write makes a new file. None if there is no file."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _read(self) -> _Values:
        return _read_file(self._path)

    def _read_spares(self) -> None:
        """Take what an earlier process could not write."""
        self._has_read_spares = True
        for spare in self._spares:
            self._spare_folders[spare] = LastingFolder(spare.parent)
            try:
                saved = _read_file(spare)
            except PermissionError:  # the user's folder is closed to this user: nothing of it is there
                continue
            except (OSError, ValueError) as error:
                self._log_failure("state_unreadable", error)
                continue
            self._has_spare |= bool(saved)
            self._unsaved = {**saved, **self._unsaved}

    def _write_spare(self) -> bool:
        for spare in self._spares:
            try:
                self._spare_folders[spare].make()
                write_atomically(spare, _encode(self._unsaved), mode=_MODE, follows_link=False)
            except OSError:
                continue
            self._has_spare = True
            return True
        return False

    def _remove_spares(self) -> None:
        if self._has_spare:
            for spare in self._spares:
                with suppress(OSError):
                    spare.unlink(missing_ok=True)
            self._has_spare = False

    def _read_or_quarantine(self) -> _Values:
        try:
            return self._read()
        except ValueError as error:
            names = [f"{self._path.name}.damaged-{number}" for number in range(1, _DAMAGED_KEPT + 1)]
            paths = [self._path.with_name(name) for name in names]
            target = next((path for path in paths if not path.exists()), paths[-1])
            self._path.replace(target)
            self._journal.record(Level.WARNING, "state_damaged", kept_as=str(target), message=str(error))
            return {}

    def _log_failure(self, event: str, error: Exception) -> None:
        self._journal.record(
            Level.WARNING, event, file=str(self._path), error=type(error).__name__, message=str(error)
        )


class StateCopy:
    """Reads another state; what is put stays in memory. For checks that must leave nothing behind."""

    def __init__(self, original: State) -> None:
        self._original = original
        self._own: dict[str, Mapping[str, Json]] = {}

    def get(self, key: str) -> Mapping[str, Json]:
        return self._own[key] if key in self._own else self._original.get(key)

    def put(self, key: str, value: Mapping[str, Json]) -> None:
        self._own[key] = value


def _read_file(path: Path) -> _Values:
    """Parse the file. Raise `OSError`, and `ValueError` if it is damaged."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
        with reading(path, os.O_NOFOLLOW) as file:
            values = json.loads(file.read(), parse_constant=_reject_constant, parse_float=_finite_float)
        _copy(values)  # reject what is nested too deeply to be copied later
    except FileNotFoundError:
        return {}
    except NotAFileError as error:
        raise ValueError(error.strerror) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(values, dict) or not all(isinstance(value, dict) for value in values.values()):
        raise ValueError("it is not an object of objects")
    return values


def _encode(values: _Values) -> bytes:
    # One line a key, readable for people; json.dumps with indent is slow, as it is not written in C.
    lines = [
        f"{json.dumps(key)}: {json.dumps(values[key], sort_keys=True, allow_nan=False)}"
        for key in sorted(values)
    ]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    return text.encode()


def _copy(value: Json, levels: int = _DEEPEST) -> Json:
    """Copy a JSON value; faster than copy.deepcopy. Raise RecursionError beyond `levels`."""
    if levels < 0:  # Python's own limit differs from version to version
        raise RecursionError(f"more than {_DEEPEST} levels")
    if isinstance(value, dict):
        return {key: _copy(part, levels - 1) for key, part in value.items()}
    return [_copy(part, levels - 1) for part in value] if isinstance(value, list) else value


def _reject_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _finite_float(text: str) -> float:
    """Parse a number. Reject 1e999: it would be read as infinity, which JSON cannot represent."""
    if math.isinf(number := float(text)):
        raise ValueError(f"{text[:20]} is not a number")
    return number
