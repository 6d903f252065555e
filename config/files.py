"""Reads the text of a configuration file, and says in one line why when it cannot."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

from config.faults import Place, Report

_LARGEST_BYTES = 1_000_000


def text_of(path: Path, report: Report, *, hint_if_missing: str = "") -> str | None:
    """The text; None when there is none to be had, and then the report has a fault."""
    place = Place(file=str(path))
    if is_missing(path):
        report.fault(place, f"not found{hint_if_missing}")
        return None
    try:
        if not path.is_file():
            report.fault(place, "is not a file")
            return None
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        report.fault(place, f"cannot be read: {error.strerror or error}")
        return None
    if len(content) > _LARGEST_BYTES:
        report.fault(place, f"is larger than {_LARGEST_BYTES:,} bytes; that is no configuration")
        return None
    return _decoded(content, place, report)


def is_missing(path: Path) -> bool:
    """Whether there is nothing at the path; what is there and cannot be looked at is not missing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def complain_if_readable_by_others(path: Path, report: Report) -> None:
    """Tell of a file of secrets that other users may read, with the command that changes it."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        report.mistake(
            Place(file=str(path)),
            f"other users can read or change it (mode {mode:04o}); run: chmod 600 {shlex.quote(str(path))}",
        )


def _decoded(content: bytes, place: Place, report: Report) -> str | None:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        at = Place(file=place.file, line=line, column=column)
        report.fault(at, "is not UTF-8; save the file as UTF-8")
        return None
