"""A virtual environment for each contestant, made at the first run and kept for the next ones."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

CHECKOUT = Path(__file__).parents[2]
_FOLDER = CHECKOUT / ".bench" / "peers"
_LOCK = CHECKOUT / "requirements.lock"
_LIMIT_S = 300.0
_VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""
# What is installed for each: names for pip, or its arguments.
_WANTED: Mapping[str, tuple[str, ...]] = {
    "script": ("requests",),
    "phue": ("phue==1.1",),
    "aiohue": ("aiohue==4.9.0",),
    "ours": ("--require-hashes", "-r", str(_LOCK)),
}
_SHOWN: Mapping[str, tuple[str, ...]] = {
    "script": ("requests", "urllib3"),
    "phue": ("phue",),
    "aiohue": ("aiohue", "aiohttp"),
    "ours": ("requests", "urllib3", "aiohttp", "attrs", "cattrs", "click", "PyYAML", "stamina"),
}


def surroundings(**more: str) -> Mapping[str, str]:
    """The variables of a contestant's process, which keeps compiled modules as everybody's Python does."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept = str(_FOLDER / "bytecode")
    return {**inherited, "PYTHONPATH": str(CHECKOUT), "PYTHONPYCACHEPREFIX": kept, **more}


class NotInstalled(Exception):
    """pip could not, and says why."""


@attrs.frozen
class Environment:
    """A Python that has what one contestant needs, and nothing else."""

    name: str

    @property
    def python(self) -> Path:
        return _FOLDER / self.name / "bin" / "python"

    def make(self) -> None:
        """Make it, unless it is there as it is wanted. Raises NotInstalled."""
        stamp = _FOLDER / self.name / "installed.txt"
        if stamp.is_file() and stamp.read_text() == self._facts():
            return
        print(f"making the environment of {self.name}", file=sys.stderr)
        stamp.unlink(missing_ok=True)
        _run([sys.executable, "-I", "-m", "venv", "--clear", str(_FOLDER / self.name)])
        pip = [str(self.python), "-I", "-m", "pip", "-qq", "--disable-pip-version-check", "--no-input"]
        _run([*pip, "install", *self._packages()])
        stamp.write_text(self._facts())

    def versions(self) -> Mapping[str, str]:
        """Of the packages that matter, by name."""
        told = _run([str(self.python), "-I", "-c", _VERSIONS, *_SHOWN[self.name]])
        versions: dict[str, str] = json.loads(told)
        return versions

    def _packages(self) -> Iterable[str]:
        """The script's requests is the one that ours has."""
        if self.name != "script":
            return _WANTED[self.name]
        pins = (line.split(" ")[0] for line in _LOCK.read_text().splitlines())
        return [pin for pin in pins if pin.partition("==")[0] in ("requests", "urllib3", "pyyaml")]

    def _facts(self) -> str:
        lock = hashlib.sha256(_LOCK.read_bytes()).hexdigest() if self.name in ("ours", "script") else ""
        return "\n".join([sys.version, str(CHECKOUT), lock, *_WANTED[self.name], ""])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    if done.returncode != 0:
        raise NotInstalled(next(reversed(done.stderr.strip().splitlines()), f"exit {done.returncode}"))
    return done.stdout
