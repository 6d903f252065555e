"""Build the bundle that a bug report needs, without secrets."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import distributions
from pathlib import Path

import attrs

from adapters.files.atomic_write import write_zip
from adapters.log.rotating_log import newest_records
from adapters.sqlite.probes import outcomes, schema
from config import health as config_health
from config.loading import Inspection
from domain.errors import StoreError
from domain.redaction import Redactor
from entrypoints.version import __version__

_LATEST = timedelta(days=1)
_NO_SETTINGS = "the configuration must be corrected first"
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


@attrs.frozen(kw_only=True)
class Bundle:
    """The parts of the archive. `health` is the JSON report; an unreadable part contains the error."""

    files: Inspection
    health: str
    now: datetime
    redactor: Redactor

    def write(self, path: Path) -> None:
        """Write the archive. Raise `OSError`, also if the file exists."""
        parts = {name: self._part(make) for name, make in self._parts().items()}
        write_zip(path, {name: self.redactor.redact(text) for name, text in parts.items()})

    def _parts(self) -> Mapping[str, Callable[[], str]]:
        return {
            "README.txt": lambda: _README,
            "health.json": lambda: self.health,
            "config.yaml": partial(_text_of, self.files.config_path),
            "secrets.txt": lambda: "".join(
                f"{line}\n" for line in config_health.names_of_secrets(self.files)
            ),
            "versions.txt": _versions,
            "schema.sql": self._schema,
            "ledger.jsonl": self._ledger,
            "log.txt": self._log,
        }

    def _part(self, make: Callable[[], str]) -> str:
        try:
            return make()
        except (OSError, StoreError) as error:
            return f"cannot be read: {error}\n"
        except Exception as error:  # noqa: BLE001 - an isolation boundary: the other parts must be written
            return f"cannot be read, internal error: {type(error).__name__}: {error}\n"

    def _schema(self) -> str:
        return "\n".join(schema(self._database))

    def _ledger(self) -> str:
        return "\n".join(outcomes(self._database, self.now - _LATEST))

    def _log(self) -> str:
        if self.files.settings is None:
            raise OSError(_NO_SETTINGS)
        return newest_records(self.files.settings.logging.log_file_path, self.now - _LATEST)

    @property
    def _database(self) -> Path:
        if self.files.settings is None:
            raise OSError(_NO_SETTINGS)
        return self.files.settings.storage.database_path


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _versions() -> str:
    packages = sorted(f"{one.metadata['Name']} {one.version}" for one in distributions())
    return "\n".join(
        [
            f"homeclimate {__version__}",
            f"Python {sys.version}",
            f"SQLite {sqlite3.sqlite_version}",
            platform.platform(),
            *packages,
            "",
        ]
    )
