"""The file that asks a person to act."""

from __future__ import annotations

from pathlib import Path

from adapters.files.atomic_write import write_atomically
from adapters.files.data_folder import DataFolder
from adapters.files.regular_file import NotAFileError, make_folder, read_regular
from ports.journal import Journal, Level

_MODE = 0o644


class AlertFile:
    """A file that exists while a person must act. Monitoring of earlier systems knows it by its name."""

    def __init__(self, path: Path, *, journal: Journal, data: DataFolder | None = None) -> None:
        self._path = path
        self._journal = journal
        self._data = data or DataFolder(path.parent)

    def put(self, text: str) -> None:
        try:
            if self._content() == text.encode():
                return
            self._data.require()
            make_folder(self._path.parent)
            write_atomically(self._path, text.encode(), mode=_MODE, follows_link=False)
        except OSError as error:
            self._log_failure("alert_file.not_written", error)
        else:
            self._journal.record(Level.WARNING, "alert_file.written", file=str(self._path))

    def _content(self) -> bytes | None:
        """Return the content of the file; None if it is missing, or something else is in its place."""
        try:
            return read_regular(self._path)
        except (FileNotFoundError, NotAFileError):
            return None

    def clear(self) -> None:
        try:
            self._path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            self._log_failure("alert_file.not_removed", error)
        else:
            self._journal.record(Level.INFO, "alert_file.removed", file=str(self._path))

    def _log_failure(self, event: str, error: OSError) -> None:
        self._journal.record(Level.ERROR, event, file=str(self._path), error=str(error))
