"""The database, its folder or its disk goes away under an open store: nothing is made in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.alerts.alert_file import AlertFile
from adapters.files.data_folder import DataFolder
from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryJournal
from adapters.sqlite.store import SqliteStore
from domain.cycle import CycleReport
from domain.errors import StoreMissing
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, rows


@attrs.frozen(kw_only=True)
class Home:
    """An open store in a data folder of its own, with one cycle."""

    store: SqliteStore
    data: DataFolder
    path: Path
    elsewhere: Path
    journal: MemoryJournal


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    path, journal = tmp_path / "data" / "readings.db", MemoryJournal()
    (tmp_path / "elsewhere").mkdir()
    data = DataFolder(path.parent)
    store = a_store(path, journal=journal, data=data)
    store.append(cycle_number(0))
    yield Home(store=store, data=data, path=path, elsewhere=tmp_path / "elsewhere", journal=journal)
    store.close()


def cycle_number(number: int) -> CycleReport:
    slot = NOON + timedelta(minutes=5 * number)
    return a_cycle(a_collected(a_reading("hue:a", collected_at=slot), due=a_due(slot=slot)))


def stored(path: Path) -> int:
    ((count,),) = rows(path, "SELECT count(*) FROM readings")
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    return int(count)


def _folder_moved(home: Home) -> Callable[[], object]:
    away = home.elsewhere / "data"
    home.path.parent.rename(away)
    return lambda: away.rename(home.path.parent)


def _folder_moved_and_an_empty_one_made(home: Home) -> Callable[[], object]:
    back = _folder_moved(home)
    home.path.parent.mkdir()

    def bring_back() -> None:
        home.path.parent.rmdir()  # fails if anything was made in it
        back()

    return bring_back


def _folder_moved_and_a_file_made(home: Home) -> Callable[[], object]:
    back = _folder_moved(home)
    home.path.parent.write_text("not mounted")

    def bring_back() -> None:
        home.path.parent.unlink()
        back()

    return bring_back


def _file_moved(home: Home) -> Callable[[], object]:
    away = home.elsewhere / "readings.db"
    home.path.rename(away)
    return lambda: away.rename(home.path)


AWAY = [_folder_moved, _folder_moved_and_an_empty_one_made, _folder_moved_and_a_file_made, _file_moved]


@pytest.mark.parametrize("take_away", AWAY)
def test_a_database_that_is_away_takes_cycles_when_it_is_back(
    home: Home, take_away: Callable[[Home], Callable[[], object]]
) -> None:
    bring_back = take_away(home)
    for _ in range(2):
        with pytest.raises(StoreMissing, match="not where it was"):
            home.store.append(cycle_number(1))
        with pytest.raises(StoreMissing):
            home.store.progress("hue", NOON)
    assert not home.path.exists()
    bring_back()
    home.store.append(cycle_number(1))
    assert stored(home.path) == 2
    assert home.journal.events().count("store.away") == 1
    assert "store.in_place" in home.journal.events()


@pytest.mark.parametrize("take_away", AWAY)
def test_a_store_that_closes_while_its_database_is_away_loses_nothing(
    home: Home, take_away: Callable[[Home], Callable[[], object]]
) -> None:
    home.store.append(cycle_number(1))
    bring_back = take_away(home)
    home.store.close()
    bring_back()
    assert stored(home.path) == 2


def test_a_moved_file_is_complete_without_the_log_that_stayed(home: Home) -> None:
    home.store.append(cycle_number(1))
    _file_moved(home)
    with pytest.raises(StoreMissing):
        home.store.append(cycle_number(2))
    assert stored(home.elsewhere / "readings.db") == 2


def test_a_cycle_that_is_committed_into_a_moved_folder_is_not_called_stored(home: Home) -> None:
    write = home.store._writer.write

    def moved_meanwhile(*arguments: object) -> object:
        _folder_moved(home)
        return write(*arguments)  # type: ignore[arg-type]

    home.store._writer.write = moved_meanwhile  # type: ignore[assignment, method-assign]
    with pytest.raises(StoreMissing):
        home.store.append(cycle_number(1))


@pytest.mark.parametrize("is_empty_folder_made", [False, True])
def test_nothing_is_made_in_the_place_of_a_data_folder_that_is_away(
    home: Home, is_empty_folder_made: bool
) -> None:
    journal = MemoryJournal()
    state = FileState(home.path.parent / "state.json", journal, data=home.data)
    state.put("before", {"number": 1})
    assert state.get("before") == {"number": 1}
    board = AlertFile(home.path.parent / "ALERT.txt", journal=journal, data=home.data)
    take_away = _folder_moved_and_an_empty_one_made if is_empty_folder_made else _folder_moved
    bring_back = take_away(home)
    state.put("meanwhile", {"number": 2})
    board.put("act")
    assert (state.get("before"), state.get("meanwhile")) == ({"number": 1}, {"number": 2})
    assert home.path.parent.exists() == is_empty_folder_made
    bring_back()
    state.put("after", {"number": 3})
    again = FileState(home.path.parent / "state.json", journal)
    assert [again.get(key)["number"] for key in ("before", "meanwhile", "after")] == [1, 2, 3]
