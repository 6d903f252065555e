"""A start goes without the garbage collector, and only the start."""

from __future__ import annotations

import gc
import importlib
import linecache
from weakref import ref

import pytest

from domain.outcome import Stored
from domain.services.timetable import Turn
from entrypoints import commands
from entrypoints.collect import _settling
from entrypoints.starting import settle, unswept
from tests.builders import a_cycle


def test_the_collector_rests_within_and_works_again_afterwards() -> None:
    with unswept():
        assert not gc.isenabled()
    assert gc.isenabled()


class Knot:
    """What only a sweep can find once nobody holds it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_a_start_has_made_is_not_looked_through_afterwards() -> None:
    with unswept():
        knot = Knot()
    assert not any(each is knot for each in gc.get_objects())
    assert gc.get_freeze_count() > 10_000


def test_what_a_start_has_left_behind_is_swept_up_where_a_process_stays() -> None:
    with unswept():
        left = ref(Knot())
    gc.collect()
    assert left() is not None
    settle()
    assert left() is None


def test_it_works_again_after_a_start_that_failed() -> None:
    with pytest.raises(ValueError, match="no start"), unswept():
        raise ValueError("no start")
    assert gc.isenabled()


def test_a_start_within_a_start_ends_nothing_early() -> None:
    with unswept():
        with unswept():
            pass
        assert not gc.isenabled()


def test_a_command_is_imported_while_the_collector_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module, rested = importlib.import_module, []

    def noting(name: str) -> object:
        rested.append(not gc.isenabled())
        return import_module(name)

    monkeypatch.setattr("entrypoints.commands.importlib.import_module", noting)
    assert commands.run(["backup", "--help"], None) == 0
    assert rested == [True]
    assert gc.isenabled()


def test_after_the_start_sweeps_look_only_at_what_came_later() -> None:
    settle()
    assert gc.get_freeze_count() > 10_000
    assert len(gc.get_objects()) < 1_000


def test_the_source_of_what_attrs_compiled_is_not_kept() -> None:
    linecache.cache["<attrs generated methods of a test>"] = (1, None, ["\n"], "")
    settle()
    assert not linecache.cache


def test_a_collector_that_stays_settles_after_its_first_cycle_and_once() -> None:
    told: list[int] = []
    tell = _settling(lambda *_: told.append(gc.get_freeze_count()))
    cycle, turn = Stored(report=a_cycle()), Turn(dues=())
    tell(cycle, turn)
    frozen = gc.get_freeze_count()
    assert told == [0]
    assert frozen > 10_000
    gc.unfreeze()
    tell(cycle, turn)
    assert told == [0, 0]
    assert gc.get_freeze_count() == 0
