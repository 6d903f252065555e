"""What performance depends on besides this program: the machine, and the versions of what it runs on."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import ssl
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
