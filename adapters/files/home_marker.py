"""The marker of a home: its id, and where its databases were, in a file that outlasts the data folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from adapters.files.atomic_write import write_atomically
from adapters.files.regular_file import make_folder, read_regular

NAME = "home.json"
_MODE = 0o600
_MOST_HOMES = 9
_MOUNTS = Path("/proc/self/mountinfo")
_MOUNT_POINT_FIELD = 4  # see proc_pid_mountinfo(5)
_OCTAL = re.compile(r"\\([0-7]{3})")  # how the system writes a blank in a name


@attrs.frozen(kw_only=True)
class Place:
    """The mount that a folder is on. `mount_point` is "" for the mount that the home itself is on.

    It is relative to the home if it is in it. `device` and `file_system` are the system's numbers; the latter
    survives a restart with most file systems, and is 0 with some.
    """

    mount_point: str
    device: int
    file_system: int

    def is_same(self, other: Place) -> bool:
        """Return whether both are the same mount, as far as can be known."""
        if self.mount_point != other.mount_point:
            return False
        if not self.mount_point:
            return True
        if self.file_system and other.file_system:
            return self.file_system == other.file_system
        return self.device == other.device


@attrs.frozen(kw_only=True)
class Marker:
    """What is known of a home: its id, and the places of its databases by path, relative to the home.

    The id is None if the file is damaged or cannot be read. `homes` are where the home was, and is, oldest
    first.
    """

    home_id: str | None
    databases: Mapping[str, Place | None] = attrs.field(factory=dict)
    homes: tuple[str, ...] = ()


class HomeMarker:
    """The file in the first of `folders` that has one, or else in the first one that can be written."""

    def __init__(self, folders: Sequence[Path], *, home: Path, mounts: Path = _MOUNTS) -> None:
        self._folders = folders
        self._home = home
        self._mounts = mounts

    def read(self) -> Marker | None:
        """Return the marker; None if the home has none."""
        damaged = None
        for number, folder in enumerate(self._folders):
            try:
                return _read(folder / NAME)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except PermissionError:
                # the user's folder, closed to this user (ProtectHome= of systemd): nothing of it is there
                damaged = damaged or (None if number else Marker(home_id=None))
            except (OSError, ValueError, RecursionError):
                damaged = Marker(home_id=None)
        return damaged

    def write(self, marker: Marker) -> None:
        """Save the marker. Raise `OSError` if no folder can be written."""
        payload = json.dumps(attrs.asdict(marker), indent=1, sort_keys=True).encode() + b"\n"
        failure: OSError | None = None
        for folder in sorted(self._folders, key=lambda folder: not (folder / NAME).exists()):
            try:
                make_folder(folder)
                write_atomically(folder / NAME, payload, mode=_MODE, follows_link=False)
            except OSError as error:
                failure = failure or error
            else:
                return
        raise failure or FileNotFoundError("there is no folder for the marker")

    def at_home(self, marker: Marker) -> Marker:
        """Return the marker with the places at which the home was, and the present one."""
        here = os.path.realpath(self._home)
        known = self.read()
        before = () if known is None else tuple(home for home in known.homes if home != here)
        return attrs.evolve(marker, homes=(*before[1 - _MOST_HOMES :], here))

    def former_homes(self) -> Sequence[Path]:
        """Return where the home was, and is not any more; the original of a copied home stays where it is."""
        marker = self.read()
        homes = () if marker is None else marker.homes
        return [Path(home) for home in homes if not os.path.lexists(home)]

    def is_writable(self) -> bool:
        """Return whether the marker could be saved; changes nothing."""
        return any(
            os.access(_nearest(folder), os.W_OK | os.X_OK) and _nearest(folder).is_dir()
            for folder in self._folders
        )

    def name_of(self, database: Path) -> str:
        """Return the path under which the marker keeps the database."""
        return str(database.relative_to(self._home) if database.is_relative_to(self._home) else database)

    def path_of(self, name: str) -> Path:
        """Return the path of the database that the marker keeps under the name."""
        return self._home / name

    def place_of(self, folder: Path) -> Place:
        """Return the place of the folder, or of the nearest one above it. Raise `OSError`."""
        real = _nearest(Path(os.path.realpath(folder)))
        point, home = self._mount_point(real), Path(os.path.realpath(self._home))
        name = str(point.relative_to(home) if point.is_relative_to(home) else point)
        return Place(
            mount_point="" if home.is_relative_to(point) else name,
            device=real.stat().st_dev,
            file_system=os.statvfs(real).f_fsid,
        )

    def absence(self, database: Path) -> str | None:
        """Return why the place of the database is away, for a person; None if it is there."""
        try:
            return self._find_absence(database)
        except OSError:  # it is there, and out of reach
            return None

    def lacks_folder(self, database: Path) -> bool:
        """Return whether the folder in which the database was is missing or away."""
        if self.absence(database) is not None:
            return True
        if (marker := self.read()) is None or not marker.databases:
            return False
        try:
            return not database.parent.is_dir()
        except OSError:
            return False

    def _find_absence(self, database: Path) -> str | None:
        if database.exists():
            return None
        folder, marker, real = database.parent, self.read(), os.path.realpath(database)
        before = None if marker is None else marker.databases.get(self.name_of(database))
        if folder.is_symlink() and not folder.exists():
            return f"{folder} is a link to {os.path.realpath(folder)}, which is not there"
        # a new database may be made through a link to a folder that is there
        if database.is_symlink() and (before is not None or not Path(real).parent.is_dir()):
            return f"{database} is a link to {real}, which is not there"
        if folder.exists() and not folder.is_dir():
            return f"{folder} is not a folder"
        if before is None or (now := self.place_of(folder)).is_same(before):
            return None
        point = self.path_of(before.mount_point)
        if now.mount_point == before.mount_point:
            return f"another disk is mounted at {point}, without {database.name}"
        if before.mount_point:
            return f"{database} was on a disk that was mounted at {point}, and is not now"
        return f"{database} was not on the disk that is mounted at {self.path_of(now.mount_point)}"

    def _mount_point(self, folder: Path) -> Path:
        try:
            lines = os.fsdecode(self._mounts.read_bytes()).splitlines()
        except OSError:  # another system
            return next(each for each in (folder, *folder.parents) if os.path.ismount(each))
        fields = (line.split(" ") for line in lines)
        points = (_unescape(parts[_MOUNT_POINT_FIELD]) for parts in fields if len(parts) > _MOUNT_POINT_FIELD)
        above = (Path(point) for point in points if folder.is_relative_to(point))
        return max(above, key=lambda point: len(point.parts), default=Path(folder.anchor))


def is_dangling(path: Path) -> bool:
    """Return whether the path is a link to something that is not there."""
    return path.is_symlink() and not path.exists()


def _read(path: Path) -> Marker:
    """Raise `OSError`, and `ValueError` for a damaged file."""
    match json.loads(read_regular(path)):
        case {"home_id": str(home_id), "databases": {**databases}, **others}:
            homes = others.get("homes")
            return Marker(
                home_id=home_id,
                databases={str(name): _place(one) for name, one in databases.items()},
                homes=tuple(map(str, homes)) if isinstance(homes, list) else (),
            )
        case _:
            raise ValueError("it is no marker")


def _place(value: Any) -> Place | None:
    match value:
        case {"mount_point": str(point), "device": int(device), "file_system": int(file_system)}:
            return Place(mount_point=point, device=device, file_system=file_system)
        case _:
            return None


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest one above it that exists."""
    return next(each for each in (path, *path.parents) if each.exists())


def _unescape(name: str) -> str:
    return _OCTAL.sub(lambda octal: chr(int(octal[1], 8)), name)
