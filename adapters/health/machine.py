"""The machine: free disk space, the Python environment, versions, load, and the age of this process."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import ssl
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from domain.health.report import Answer, failed, passed, warned
from domain.health.rules import SystemCommands

_OLDEST, _NEWEST = (3, 11), (3, 14)
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(;?)", re.MULTILINE)
_MOST_NAMED = 5

_MEASURED_PACKAGES = ("aiohttp", "requests", "stamina", "urllib3")
_CPU = re.compile(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", re.MULTILINE)

# What people type on a usual Linux system.
LINUX = SystemCommands(
    start_collector="systemctl start homeclimate",
    show_disk="df -h",
    sync_clock="timedatectl set-ntp true",
)
# What to do when a source of that kind cannot be reached.
UNAVAILABLE_STEPS: Mapping[str, str] = {
    "hue": "Check that the bridge is switched on and in this network. "
    "`homeclimate setup` finds a bridge that has moved.",
    "amazon": "Check the internet connection. If it works, wait: Amazon's service may be down for a while.",
}


class DiskSpace:
    """The free space where a folder is, or would be created."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def free_bytes(self) -> int | None:
        folder = self._folder
        while True:
            try:
                return shutil.disk_usage(folder).free
            except (FileNotFoundError, NotADirectoryError):
                if folder.parent == folder:
                    return None
                folder = folder.parent
            except OSError:
                return None


def check_environment(lock: Path, *, is_checkout: bool, folders: Iterable[str] | None = None) -> Answer:
    """Check Python and its packages against the lock file; `folders` default to Python's path.

    In a checkout, `./run` started this program, and installs what the lock pins.
    """
    summary = f"Python {sys.version.split()[0]} in {sys.prefix}"
    if sys.version_info[:2] < _OLDEST:
        return failed(summary, "Install Python 3.11 or newer, and create the environment with it.")
    pinned, installed = _pinned(lock), _installed(sys.path if folders is None else folders)
    how_to_install = (
        "Run `homeclimate --version`: it installs what the lock pins."
        if is_checkout
        else f"Run `{sys.executable} -m pip install --require-hashes -r {lock}`."
    )
    if missing := [name for name, (_, is_needed) in pinned.items() if is_needed and name not in installed]:
        return failed(f"{summary}; packages are missing: {_join(missing)}", how_to_install)
    others = [
        f"{name} {installed[name]} instead of {pinned_version}"
        for name, (pinned_version, _) in pinned.items()
        if installed.get(name, pinned_version) != pinned_version
    ]
    if others:
        return warned(f"{summary}; not the versions that were tested: {_join(others)}", how_to_install)
    if sys.prefix == sys.base_prefix:
        return warned(
            f"{summary}, which is not a virtual environment",
            "Install it into one: its packages have general names. `./run` makes one.",
        )
    if sys.version_info[:2] > _NEWEST:
        return warned(summary, "This version is newer than the tested ones, 3.11 to 3.14.")
    return passed(f"{summary}, {len(pinned)} packages as locked")


def machine() -> str:
    """Describe processors, memory and system on one line. Not the host name, which is private."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} x {_processor()}, {memory_gib:.1f} GiB, {platform.system()} {platform.release()}"
    )


def versions() -> Mapping[str, str]:
    """Return the versions of what a cycle spends its time in, by name."""
    by_name = {
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "OpenSSL": ssl.OPENSSL_VERSION.removeprefix("OpenSSL ").split(" ", 1)[0],
    }
    for package in _MEASURED_PACKAGES:
        try:
            by_name[package] = version(package)
        except PackageNotFoundError:
            continue
    return by_name


def load() -> str:
    """Return the load average of the last minute, rounded."""
    return f"{os.getloadavg()[0]:.0f}"


def waited_for_processor_s() -> float:
    """Return how long the threads of this process waited for a processor, in seconds; 0.0 if unknown."""
    waited_ns = 0
    with suppress(OSError, ValueError, IndexError):
        for thread in Path("/proc/self/task").iterdir():
            waited_ns += int((thread / "schedstat").read_text().split()[1])
    return waited_ns / 1e9


def newest_at(places: Iterable[Path], pattern: str) -> datetime | None:
    """Return when the newest of the files, or of files in the folders, was written; None without files."""
    files = (file for place in places for file in ([place] if place.is_file() else place.glob(pattern)))
    newest_s = max((file.stat().st_mtime for file in files), default=None)
    return None if newest_s is None else datetime.fromtimestamp(newest_s, UTC)


def _pinned(lock: Path) -> Mapping[str, tuple[str, bool]]:
    """Return version, and whether every system needs the package, by name; empty if there is no lock."""
    try:
        text = lock.read_text(encoding="utf-8")
    except OSError:
        return {}
    return {_normalise(name): (pinned, not marker) for name, pinned, marker in _PINNED.findall(text)}


def _installed(folders: Iterable[str]) -> Mapping[str, str]:
    """Return versions by name, from the names of folders: reading their metadata takes far longer."""
    by_name: dict[str, str] = {}
    for folder in folders:
        for path in Path(folder or ".").glob("*.dist-info"):
            name, _, installed = path.name.removesuffix(".dist-info").partition("-")
            by_name.setdefault(_normalise(name), installed)
    return by_name


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _join(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _processor() -> str:
    try:
        model = _CPU.search(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        model = None
    return " ".join(model.group(1).split()) if model else platform.processor() or platform.machine()
