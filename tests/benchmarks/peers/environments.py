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

CHECKOUT = Path(__file__).parents[3]
_FOLDER = CHECKOUT / ".bench" / "peers"
_LOCK = CHECKOUT / "requirements.lock"
_LIMIT_S = 300.0
_VERSIONS = """
import importlib.metadata, json, sys
print(json.dumps({name: importlib.metadata.version(name) for name in sys.argv[1:]}))
"""
# What is installed for each: names for pip, or its arguments.
_PACKAGES: Mapping[str, tuple[str, ...]] = {
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


def process_environment(**more: str) -> Mapping[str, str]:
    """Return the environment variables of a contestant, which keeps compiled modules."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    bytecode = str(_FOLDER / "bytecode")
    return {**inherited, "PYTHONPATH": str(CHECKOUT), "PYTHONPYCACHEPREFIX": bytecode, **more}


class NotInstalled(Exception):
    """pip failed; the message is its own."""


@attrs.frozen
class Environment:
    """A Python with what one contestant needs, and nothing else."""

    name: str

    @property
    def python(self) -> Path:
        return _FOLDER / self.name / "bin" / "python"

    def make(self) -> None:
        """Make it, unless it is up to date; raise `NotInstalled` if pip fails."""
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
        """Return the versions of the packages that matter."""
        output = _run([str(self.python), "-I", "-c", _VERSIONS, *_SHOWN[self.name]])
        versions: dict[str, str] = json.loads(output)
        return versions

    def _packages(self) -> Iterable[str]:
        """Return what pip installs; the floor script gets the versions that ours pins."""
        if self.name != "script":
            return _PACKAGES[self.name]
        pins = (line.split(" ")[0] for line in _LOCK.read_text().splitlines())
        return [pin for pin in pins if pin.partition("==")[0] in ("requests", "urllib3", "pyyaml")]

    def _facts(self) -> str:
        lock = hashlib.sha256(_LOCK.read_bytes()).hexdigest() if self.name in ("ours", "script") else ""
        return "\n".join([sys.version, str(CHECKOUT), lock, *_PACKAGES[self.name], ""])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    if done.returncode != 0:
        raise NotInstalled(next(reversed(done.stderr.strip().splitlines()), f"exit {done.returncode}"))
    return done.stdout
