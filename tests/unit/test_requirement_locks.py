"""The requirement locks pin everything by hash, and agree with each other and with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-dev.lock"]
PIN = re.compile(
    r"^(?P<name>[a-z0-9-]+)(?P<extras>\[[a-z0-9,-]+\])?==(?P<version>\S+)(?: ; [^\\]+)? \\$"
    r"(?P<hashes>(?:\n +--hash=sha256:.+)+)",
    re.MULTILINE,
)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_has_only_pins_with_hashes(lock: str) -> None:
    text = (CHECKOUT / lock).read_text()
    assert PIN.sub("", text).strip() == ""


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_index(lock: str) -> None:
    assert "://" not in (CHECKOUT / lock).read_text()


def test_development_lock_has_every_runtime_pin() -> None:
    # ./run installs only requirements-dev.lock for the tests, and takes requirements.lock as installed.
    assert pins_of("requirements.lock").items() <= pins_of("requirements-dev.lock").items()


def test_required_extras_are_pinned() -> None:
    """Otherwise pip before 23.3 takes the newest version for the extra, and rejects it without a hash."""
    pinned = {pin["name"]: pin["extras"] or "" for pin in PIN.finditer((CHECKOUT / LOCKS[1]).read_text())}
    required = [
        asking[0]
        for name in pinned
        for requirement in _requirements_of(name)
        if (asking := re.match(r"[\w.-]+\[[\w,-]+\]", requirement)) and "extra ==" not in requirement
    ]
    assert required, "no package requires an extra: this test checks nothing"
    for one in required:
        name, _, extras = one.rstrip("]").partition("[")
        assert set(extras.split(",")) <= set(pinned[name].strip("[]").split(",")), one


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    assert names(project["project"]["dependencies"]) <= pins_of("requirements.lock").keys()
    assert names(project["dependency-groups"]["dev"]) <= pins_of("requirements-dev.lock").keys()


def pins_of(lock: str) -> dict[str, tuple[str, str]]:
    found = PIN.finditer((CHECKOUT / lock).read_text())
    return {pin["name"]: (pin["version"], pin["hashes"]) for pin in found}


def _requirements_of(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # of another system
        return []


def names(requirements: list[str]) -> set[str]:
    """Normalise names as the locks do: lower case, dashes for dots."""
    return {re.sub(r"[-_.]+", "-", re.split("[<>=]", named)[0]).lower() for named in requirements}
