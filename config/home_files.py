"""Where a home's files are, next to its database."""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen
class HomeFiles:
    """The files of a home's data folder."""

    database: Path

    @property
    def folder(self) -> Path:
        return self.database.parent

    @property
    def database_lock(self) -> Path:
        return self.database.with_name(f"{self.database.name}.lock")

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def alert(self) -> Path:
        return self.folder / "ALERT_TOKEN_REFRESH_NEEDED.txt"

    @property
    def source_locks(self) -> Path:
        return self.folder / "locks"

    @property
    def upkeep_lock(self) -> Path:
        return self.folder / "upkeep.lock"
