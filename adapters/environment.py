"""The Python that runs this program: which, where, and whether the packages are those that were tested."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from domain.health import Answer, failed, passed, warned

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
