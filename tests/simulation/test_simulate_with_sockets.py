"""`homeclimate simulate --sockets`: TLS on loopback, and a collector in a process of its own."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from entrypoints.cli import main

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

_SEED = "169"
# The texts and checksums of the ledger have port numbers.
_QUERIES = (
    "SELECT source, slot, state, cause, until, unread FROM outcomes ORDER BY source, slot",
    "SELECT * FROM readings",
)


def simulated(home: Path, *options: str) -> list[list[tuple[Any, ...]]]:
    subprocess.run(
        [sys.executable, "-m", "entrypoints", "simulate", "--home", str(home), *options],
        check=True,
        capture_output=True,
    )
    with closing(sqlite3.connect(home / "data" / "readings.db")) as connection:
        return [connection.execute(query).fetchall() for query in _QUERIES]


def test_the_same_seed_gives_the_same_readings_over_sockets(tmp_path: Path) -> None:
    first, second = (simulated(tmp_path / each, "--sockets", "--seed", _SEED) for each in ("1", "2"))
    assert first[1]
    assert first == second


def test_a_collector_that_is_killed_loses_nothing_but_what_was_in_flight(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = main(["simulate", "--sockets", "--faults", "killed", "--days", "2", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert (code, report["broken"]) == (0, [])
    assert sum(report["kills"].values()) > 3
    assert report["slots_with_a_row"] == report["slots_due"] == 1152
    assert report["handed_over"] == report["stored"] > 6000
