"""The collector in real time before a home in trouble, in short; and that the verdict can be a bad one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.benchmarks.soak.living import Lived, live
from tests.benchmarks.soak.verdict import complaints, figures

pytestmark = [pytest.mark.proof, pytest.mark.timeout(150)]  # the first test waits for the whole of it


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Not a minute: the bridge resets connections, the account's token grows stale."""
    return live(tmp_path_factory.mktemp("soak") / "home", length_s=50, calm_s=16, seed=5)


@pytest.fixture
def tampered(lived: Lived) -> Iterator[sqlite3.Connection]:
    """The database; what is changed in it is undone in the end."""
    before = lived.deployment.database.read_bytes()
    with closing(sqlite3.connect(lived.deployment.database, isolation_level=None)) as connection:
        yield connection
    lived.deployment.database.write_bytes(before)  # who closes last takes log and index away


def evolved(lived: Lived, source: str, number: int, **changes: Any) -> Lived:
    """With one of the home's requests, of those that brought readings, as if it had been otherwise."""
    requests = list(lived.requests[source])
    at = [place for place, one in enumerate(requests) if one["path"].startswith(("/clip", "/nexus"))][number]
    requests[at] = {**requests[at], **changes}
    return attrs.evolve(lived, requests={**lived.requests, source: requests})


def test_faulty_services_break_no_promise(lived: Lived) -> None:
    assert complaints(lived) == []


def test_faults_and_readings_both_occurred(lived: Lived) -> None:
    said = figures(lived)
    assert said["cycles"] >= 8
    assert any(one["status"] != 200 for one in lived.requests["hue"])
    assert said["readings stored"] == said["readings said"] > 5 * 8


def test_a_missing_reading_is_reported(lived: Lived, tampered: sqlite3.Connection) -> None:
    tampered.execute("DELETE FROM readings WHERE id = (SELECT max(id) FROM readings)")
    assert [said.split(":")[0] for said in complaints(lived)] == ["told and not stored"]


def test_a_slot_without_a_row_is_reported(lived: Lived, tampered: sqlite3.Connection) -> None:
    tampered.execute(
        "DELETE FROM outcomes WHERE source = 'hue' AND slot ="
        " (SELECT slot FROM outcomes WHERE source = 'hue' ORDER BY slot LIMIT 1 OFFSET 2)"
    )
    assert [said[:18] for said in complaints(lived)] == ["no word of hue bet"]


def test_a_reply_never_sent_is_reported(lived: Lived) -> None:
    assert "collected, and the home handed nothing over" in str(
        complaints(evolved(lived, "amazon", 3, status=None))
    )


def test_a_reply_not_collected_is_reported(lived: Lived) -> None:
    last = lived.said[-1].cycle["outcomes"]
    failed = {**last[0], "state": "failed", "cause": "network", "readings": []}
    said = (*lived.said[:-1], attrs.evolve(lived.said[-1], cycle={"outcomes": [failed, last[1]]}))
    assert "handed over and failed" in str(complaints(attrs.evolve(lived, said=said)))


@pytest.mark.parametrize(
    ("name", "factor", "complaint"),
    [
        ("threads", 2, "threads are left"),
        ("descriptors", 2, "descriptors are left"),
        ("resident_bytes", 2, "memory grows"),
        ("log_bytes", 1e6, "went over its bound"),
    ],
)
def test_growth_is_reported(lived: Lived, name: str, factor: float, complaint: str) -> None:
    half = len(lived.samples) // 2
    grown = [attrs.evolve(one, **{name: getattr(one, name) * factor}) for one in lived.samples[half:]]
    assert complaint in str(complaints(attrs.evolve(lived, samples=(*lived.samples[:half], *grown))))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"exit_code": 1}, "exit 1"),
        ({"stderr": "Exception ignored in: ...\n"}, "on stderr"),
    ],
)
def test_an_unclean_exit_is_reported(lived: Lived, changes: dict[str, Any], complaint: str) -> None:
    assert complaint in str(complaints(attrs.evolve(lived, **changes)))


def test_a_cycle_over_budget_is_reported(lived: Lived) -> None:
    late = attrs.evolve(lived.said[-1], at_s=lived.said[-1].at_s + 60)
    assert "a cycle took" in str(complaints(attrs.evolve(lived, said=(*lived.said[:-1], late))))


def test_a_leftover_in_the_spool_is_reported(lived: Lived) -> None:
    left: Path = lived.deployment.folder / "data" / "spool" / "left.jsonl"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    assert complaints(lived) == ["something is left in the spool"]
    left.unlink()
