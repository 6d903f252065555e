"""The room on the disk that a folder lies on."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import ssl
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from domain.health import Answer, failed, passed, warned


class DiskSpace:
    """Asks the operating system, at the nearest folder that is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def free_bytes(self) -> int | None:
        for folder in (self._folder, *self._folder.parents):
            try:
                return shutil.disk_usage(folder).free
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                return None
        return None


# The Python that runs this program: which, where, and whether the packages are those that were tested.

_OLDEST, _NEWEST = (3, 11), (3, 14)
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(;?)", re.MULTILINE)
_MOST_NAMED = 5


def environment(lock: Path, *, program: str, folders: Iterable[str] | None = None) -> Answer:
    """Whether the Python and its packages are as the lock file says; `folders` default to Python's path."""
    version = sys.version_info[:2]
    told = f"Python {sys.version.split()[0]} in {sys.prefix}"
    if version < _OLDEST:
        return failed(told, "Install Python 3.11 or newer, and make the environment anew with it.")
    pinned, installed = _pinned(lock), _installed(sys.path if folders is None else folders)
    if absent := [name for name, (_, is_needed) in pinned.items() if is_needed and name not in installed]:
        return failed(f"{told}; packages are missing: {_listed(absent)}", _how_to_install(lock, program))
    others = [
        f"{name} {installed[name]} in place of {due}"
        for name, (due, _) in pinned.items()
        if installed.get(name, due) != due
    ]
    if others:
        return warned(
            f"{told}; not the versions that were tested: {_listed(others)}", _how_to_install(lock, program)
        )
    if sys.prefix == sys.base_prefix:
        return warned(
            f"{told}, which is no virtual environment",
            "Install it into one of its own: its packages have general names. `./run` makes one.",
        )
    if version > _NEWEST:
        return warned(told, "This version is newer than those that were tested, 3.11 to 3.14.")
    return passed(f"{told}, {len(pinned)} packages as locked")


def _pinned(lock: Path) -> Mapping[str, tuple[str, bool]]:
    """Version, and whether every system needs the package, by name; empty where there is no lock."""
    try:
        text = lock.read_text(encoding="utf-8")
    except OSError:
        return {}
    return {_normal(name): (version, not marker) for name, version, marker in _PINNED.findall(text)}


def _installed(folders: Iterable[str]) -> Mapping[str, str]:
    """Versions by name, from folders' names: importlib.metadata takes longer to import than all of this."""
    found: dict[str, str] = {}
    for folder in folders:
        for path in Path(folder or ".").glob("*.dist-info"):
            name, _, version = path.name.removesuffix(".dist-info").partition("-")
            found.setdefault(_normal(name), version)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _how_to_install(lock: Path, program: str) -> str:
    if program.endswith("run"):
        return f"Run `{program} --version`: it installs what the lock names."
    return f"Run `{sys.executable} -m pip install --require-hashes -r {lock}`."


# What performance depends on besides this program: the machine, and the versions of what it runs on.

_PACKAGES = ("aiohttp", "requests", "stamina", "urllib3")
_CPU = re.compile(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", re.MULTILINE)


def machine() -> str:
    """Processors and system, in one line. Not the machine's name, which is nobody else's business."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} x {_processor()}, {memory_gib:.1f} GiB, {platform.system()} {platform.release()}"
    )


def versions() -> Mapping[str, str]:
    """Version by the name of what a cycle's time is spent in."""
    found = {
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "OpenSSL": ssl.OPENSSL_VERSION.removeprefix("OpenSSL ").split(" ", 1)[0],
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def load() -> str:
    """How many processes wanted a processor in the last minute, on the average, in whole ones."""
    return f"{os.getloadavg()[0]:.0f}"


def newest_at(places: Iterable[Path], pattern: str) -> datetime | None:
    """When the newest of these files, or of those in these folders, was written; None where there is none."""
    files = (file for place in places for file in ([place] if place.is_file() else place.glob(pattern)))
    newest_s = max((file.stat().st_mtime for file in files), default=None)
    return None if newest_s is None else datetime.fromtimestamp(newest_s, UTC)


def _processor() -> str:
    try:
        told = _CPU.search(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        told = None
    return " ".join(told.group(1).split()) if told else platform.processor() or platform.machine()


# How long this process has been there, its start and imports included.

_STARTED_AT = 19  # the place of starttime in /proc/PID/stat, counted from behind the name; proc(5)


def process_age_s() -> float:
    """Seconds; 0.0 on a system that does not tell."""
    try:
        after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started_s = int(after_name[_STARTED_AT]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started_s)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
