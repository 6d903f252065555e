"""Programs that are forked for tests: each with its own words and code, all from one process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tests.support.forked import end_preloaded, run_forked, wanted

AT_ONCE = 4


@pytest.fixture
def nothing_preloaded() -> Iterator[None]:
    end_preloaded()
    yield
    end_preloaded()


@pytest.mark.usefixtures("nothing_preloaded")
def test_however_many_come_first_at_once_one_process_forks_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, made, together = subprocess.Popen, [], Barrier(AT_ONCE)

    def noting(*arguments: Any, **options: Any) -> Any:
        made.append(arguments)
        return start(*arguments, **options)

    def told(command: str) -> tuple[int, bool]:
        together.wait(20)
        done = run_forked(wanted([command, "--help"], environment=os.environ, folder=tmp_path))
        return done.returncode, f"homeclimate {command}" in done.stdout

    monkeypatch.setattr("tests.support.forked.subprocess.Popen", noting)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert list(pool.map(told, ["backup", "collect", "db", "status"])) == [(0, True)] * AT_ONCE
    assert len(made) == 1
