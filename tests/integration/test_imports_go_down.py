"""The import contracts of pyproject.toml hold, and each of them bites."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ["domain", "ports", "adapters", "entrypoints", "config"]

FORBIDDEN_IMPORTS = [
    pytest.param("domain/schedule.py", "import time", id="the domain reads no clock"),
    pytest.param("ports/store.py", "import sqlite3", id="a port knows no technology"),
    pytest.param(
        "domain/services/collection.py", "import adapters.json_reply", id="a service knows no adapter"
    ),
    pytest.param("domain/reading.py", "import ports.clock", id="a value knows no port"),
    pytest.param("domain/errors.py", "import domain.outcome", id="the floor of the domain looks not up"),
    pytest.param("adapters/hue/__init__.py", "import adapters.sqlite", id="adapters know not each other"),
    pytest.param("adapters/threads.py", "import adapters.hue", id="the floor of the adapters looks not up"),
    pytest.param("adapters/sqlite/__init__.py", "import config", id="adapters know no settings"),
    pytest.param("entrypoints/version.py", "import adapters.hue", id="only the wiring knows adapters"),
    pytest.param("domain/unplaced.py", "", id="a new module of the domain needs a floor"),
    pytest.param("adapters/unplaced.py", "", id="a new adapter needs a floor"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    for package in PACKAGES:
        shutil.copytree(CHECKOUT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_imports_keep_their_contracts(copy: Path) -> None:
    linted = lint_imports(copy)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(("file", "line"), FORBIDDEN_IMPORTS)
def test_a_forbidden_import_breaks_a_contract(copy: Path, file: str, line: str) -> None:
    module = copy / file
    before = module.read_text() if module.exists() else None
    module.write_text((before or '"""A module."""\n') + f"\n{line}\n")
    try:
        linted = lint_imports(copy)
        assert "1 broken" in linted.stdout, linted.stdout
        assert linted.returncode == 1
    finally:
        module.unlink() if before is None else module.write_text(before)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
