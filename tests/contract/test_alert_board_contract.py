"""The contract of alert boards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from adapters.alerts.alert_file import AlertFile
from adapters.memory.alerts import MemoryAlertBoard
from adapters.memory.runtime import MemoryJournal
from ports.alerts import AlertBoard


@attrs.frozen
class Seen:
    """A board, and the text on it."""

    board: AlertBoard
    text: Callable[[], str | None]


def _in_memory(_: Path) -> Seen:
    board = MemoryAlertBoard()
    return Seen(board, lambda: board.text)


def _in_a_file(folder: Path) -> Seen:
    path = folder / "data" / "ALERT.txt"
    board = AlertFile(path, journal=MemoryJournal())
    return Seen(board, lambda: path.read_text(encoding="utf-8") if path.exists() else None)


@pytest.fixture(params=[_in_memory, _in_a_file], ids=["memory", "file"])
def seen(request: pytest.FixtureRequest, tmp_path: Path) -> Seen:
    made = request.param(tmp_path)
    assert isinstance(made, Seen)
    return made


def test_clearing_an_empty_board_changes_nothing(seen: Seen) -> None:
    seen.board.clear()
    assert seen.text() is None


def test_text_stays_until_it_is_cleared(seen: Seen) -> None:
    seen.board.put("sign in: Küche")
    assert seen.text() == "sign in: Küche"
    seen.board.clear()
    assert seen.text() is None


def test_newest_text_replaces_the_old_one(seen: Seen) -> None:
    seen.board.put("one")
    seen.board.put("two")
    assert seen.text() == "two"
