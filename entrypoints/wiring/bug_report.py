"""The part of the composition root for what a report of a fault needs, without secrets."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import attrs

from config import health as config_health
from config.loading import Inspection
from domain.errors import StoreError
from domain.redaction import Redactor
from entrypoints.version import __version__

_SINCE = timedelta(days=1)
_README = """\
What `homeclimate health --bundle` found, for a report of a fault:

health.json    what the check says of each component
config.yaml    the configuration
secrets.txt    which secrets are set, without the secrets
versions.txt   of the program, Python, SQLite, the system and the packages
schema.sql     the definitions of the database, and how many rows there are
ledger.jsonl   what became of each cycle of the last day
log.txt        the log of the last day

No reading is in it. Secrets are blotted out (***): those that are known, and whatever looks like one. Names
of rooms and devices are not. Look through it before you give it away.
"""


@attrs.frozen(kw_only=True)
class Bundle:
    """`health` is the document of the check. A part that cannot be read says why in its place."""

    files: Inspection
    health: str
    now: datetime
    redactor: Redactor

    def write(self, path: Path) -> None:
        """Write the archive. Raises `OSError`, also where a file is there already."""
        from adapters.files.atomic_write import write_zip

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
        except Exception as error:  # noqa: BLE001 - an isolation boundary: a report of a fault must not fail of it
            return f"cannot be read, by a fault of this program: {type(error).__name__}: {error}\n"

    def _schema(self) -> str:
        from adapters.sqlite.describing import schema

        return "\n".join(schema(self._database))

    def _ledger(self) -> str:
        from adapters.sqlite.describing import outcomes

        return "\n".join(outcomes(self._database, self.now - _SINCE))

    def _log(self) -> str:
        from adapters.log.rotating_log import newest_records

        if self.files.settings is None:
            raise OSError("the configuration has to be mended first")
        return newest_records(self.files.settings.logging.log_file_path, self.now - _SINCE)

    @property
    def _database(self) -> Path:
        if self.files.settings is None:
            raise OSError("the configuration has to be mended first")
        return self.files.settings.storage.database_path


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _versions() -> str:
    from importlib.metadata import distributions

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
