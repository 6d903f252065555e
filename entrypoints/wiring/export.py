"""Wiring of exports: what reads the rows, and what writes a file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from adapters.files.atomic_write import replacement
from adapters.sqlite.exporting import SqliteExportedRows
from entrypoints.wiring.home import Home
from entrypoints.wiring.storage import naive_zone
from ports.stored_data import ExportedRows

_MODE = 0o640


def exported_rows(home: Home) -> ExportedRows:
    """Return what reads the stored readings row by row."""
    return SqliteExportedRows(home.files.database, naive_zone=naive_zone(home))


@contextmanager
def text_file(path: Path) -> Iterator[TextIO]:
    """Yield a file that replaces the one at the path when it is complete. Raise OSError."""
    with replacement(path, mode=_MODE) as descriptor, os.fdopen(os.dup(descriptor), "wb") as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.flush()
