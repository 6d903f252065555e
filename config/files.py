"""The files of a home: where they are, and how the configuration among them is read."""

from __future__ import annotations

import hashlib
import os
import shlex
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import attrs
import platformdirs

from adapters.files.regular_file import read_regular
from config.documents.problems import Place, Report
from domain.errors import SettingsError

_LARGEST_BYTES = 1_000_000
DEMO_MARK = "# written by `homeclimate demo`; a home with another first line is left alone"
PackagedName = Literal["default.yaml", "secrets.example.yaml", "schema.json"]


def packaged_path(name: PackagedName) -> Path:
    """Return the path of a file that a person can copy: the program is installed as plain files."""
    return Path(__file__).with_name(name)


def lock_path() -> Path:
    """Return the file with the versions of packages that this version of the program was tested with."""
    packaged = Path(__file__).with_name("requirements.lock")
    return packaged if packaged.exists() else Path(__file__).parents[1] / "requirements.lock"


def read_text(path: Path, report: Report, *, hint_if_missing: str = "") -> str | None:
    """Return the text of a file; None if it cannot be read, which the report then explains."""
    place = Place(file=str(path))
    if is_missing(path):
        report.fatal(place, f"not found{hint_if_missing}")
        return None
    try:
        content = read_regular(path, _LARGEST_BYTES + 1)
    except OSError as error:
        report.fatal(place, f"cannot be read: {error.strerror or error}")
        return None
    if len(content) > _LARGEST_BYTES:
        report.fatal(place, f"is larger than {_LARGEST_BYTES:,} bytes, which no configuration is")
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].split(b"\n")
        place = Place(file=str(path), line=len(before), column=len(before[-1]) + 1)
        report.fatal(place, "is not UTF-8; save the file as UTF-8")
        return None


def read_bytes(path: Path, most_bytes: int = -1) -> bytes:
    """Return the content of a file, or its first bytes. Raise SettingsError if it cannot be read."""
    try:
        return read_regular(path, most_bytes)
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror or error}") from error


def is_demo_home(config_path: Path) -> bool:
    """Return whether the demo has written the configuration."""
    try:
        return read_regular(config_path, len(DEMO_MARK)) == DEMO_MARK.encode()
    except OSError:
        return False


def is_missing(path: Path) -> bool:
    """Return whether nothing is at the path; what is there but cannot be looked at is not missing."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def file_version(path: Path) -> tuple[int, int, int] | None:
    """Identify the content of a file; None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def check_is_private(path: Path, report: Report) -> None:
    """Report a file of secrets that other users can read, with the command that protects it."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        report.error(
            Place(file=str(path)),
            f"other users can read or change it (mode {mode:04o}); run: chmod 600 {shlex.quote(str(path))}",
        )


@attrs.frozen(kw_only=True)
class HomeFiles:
    """The files of a home: those in its data folder, and those that must outlast that folder."""

    home: Path
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
    def spare_states(self) -> tuple[Path, ...]:
        """Where the state is saved that cannot be written to its own file."""
        return tuple(folder / "state.json" for folder in self.lasting_folders)

    @property
    def device_registry(self) -> Path:
        return self.home / "config" / "device_registry.yaml"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def interim_cycles(self) -> tuple[Path, ...]:
        """Where cycles are kept too while the database is an interim one."""
        return tuple(folder / "interim" for folder in (self.folder, *self.lasting_folders))

    @property
    def alert(self) -> Path:
        return self.folder / "ALERT_TOKEN_REFRESH_NEEDED.txt"

    @property
    def source_locks(self) -> tuple[Path, ...]:
        """The folder of the locks, and those for while the data folder is away."""
        return tuple(folder / "locks" for folder in (self.folder, *self.lasting_folders))

    @property
    def upkeep_lock(self) -> Path:
        return self.folder / "upkeep.lock"

    @property
    def lasting_folders(self) -> tuple[Path, ...]:
        """The folders outside the data folder, best first, for what must be known while that one is away.

        The one in the user's state folder is for homes in which only the data can be written.
        """
        folders = self.home / "state", *_user_folders([self.home])
        return tuple(folder for folder in folders if folder.is_absolute() and folder != self.folder)

    def former_spools(self, homes: Iterable[Path]) -> Sequence[Path]:
        """Return where cycles may still wait since the home was at these places."""
        return [folder / "spool" for folder in _user_folders(homes) if folder.is_absolute()]


def _user_folders(homes: Iterable[Path]) -> Sequence[Path]:
    """Return the folder of each home in the user's state folder."""
    reals = [os.fsencode(os.path.realpath(home)) for home in homes]
    with suppress(RuntimeError):  # this user has no home folder
        root = platformdirs.user_state_path("homeclimate")
        return [root / hashlib.sha256(real).hexdigest()[:16] for real in reals]
    return []
