"""The archive that a bug report needs, without secrets."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import distributions
from pathlib import Path

import attrs

from adapters.files.atomic_write import write_zip
from domain.errors import StoreError
from domain.health.rules import NEEDS_CONFIGURATION

_README = """\
Written by `homeclimate health --bundle`, for a bug report:

health.json    the result of each check
config.yaml    the configuration
secrets.txt    which secrets are set, without the secrets
versions.txt   of the program, Python, SQLite, the system and the packages
schema.sql     the definitions of the database, and its numbers of rows
ledger.jsonl   the outcome of each cycle of the last day
log.txt        the log of the last day

It contains no readings. Secrets are replaced by ***: known ones, and what looks like one. Names of rooms and
devices are not. Look through it before you share it.
"""


@attrs.frozen
class BugReport:
    """The texts of the archive by file name; None for one that the configuration must name first."""

    parts: Mapping[str, Callable[[], str] | None]
    redact: Callable[[str], str]

    def write(self, path: Path) -> None:
        """Write the archive; an unreadable part contains the error.

        Raise OSError, also if the file exists.
        """
        texts = {name: self.redact(_text_of(part)) for name, part in self.parts.items()}
        write_zip(path, {"README.txt": _README, **texts})


def versions_text(program_version: str) -> str:
    """List the versions of the program and of everything that it runs on, a line each."""
    packages = sorted(f"{one.metadata['Name']} {one.version}" for one in distributions())
    return "\n".join(
        [
            f"homeclimate {program_version}",
            f"Python {sys.version}",
            f"SQLite {sqlite3.sqlite_version}",
            platform.platform(),
            *packages,
            "",
        ]
    )


def _text_of(part: Callable[[], str] | None) -> str:
    if part is None:
        return f"cannot be read: {NEEDS_CONFIGURATION}\n"
    try:
        return part()
    except (OSError, StoreError) as error:
        return f"cannot be read: {error}\n"
    except Exception as error:  # noqa: BLE001 - an isolation boundary: the other parts must be written
        return f"cannot be read, internal error: {type(error).__name__}: {error}\n"
