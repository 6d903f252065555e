"""What every alert board promises."""

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
    """A board, and what somebody who looks at it reads."""

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


def test_nothing_stands_there_at_first_and_clearing_it_changes_nothing(seen: Seen) -> None:
    seen.board.clear()
    assert seen.text() is None


def test_what_was_put_up_stands_there_until_it_is_taken_down(seen: Seen) -> None:
    seen.board.put("sign in: Küche")
    assert seen.text() == "sign in: Küche"
    seen.board.clear()
    assert seen.text() is None


def test_the_newest_text_counts(seen: Seen) -> None:
    seen.board.put("one")
    seen.board.put("two")
    assert seen.text() == "two"
