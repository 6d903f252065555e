"""Reading the configuration is cheap: it brings in nothing that only collecting needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
COSTLY = {"requests", "aiohttp", "sqlite3", "asyncio", "ssl", "rich", "click", "stamina", "cattrs"}


def test_importing_the_loader_brings_in_no_network_no_database_and_no_cattrs() -> None:
    assert not _modules_after("import config.loading") & COSTLY


def test_loading_a_home_needs_cattrs_and_nothing_else_that_is_costly(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("collectors: {hue: {enabled: no}}\n")
    code = f"import pathlib, config.loading as it; it.load(pathlib.Path({str(tmp_path)!r}))"
    assert _modules_after(code) & COSTLY == {"cattrs"}


def _modules_after(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    environment = dict(os.environ)
    environment.pop("COVERAGE_PROCESS_CONFIG", None)  # measuring coverage would import sqlite3
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())
