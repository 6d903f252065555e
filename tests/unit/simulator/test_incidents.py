"""Which alerts and incidents the cycles of a simulation call for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from adapters.simulator.simulation.account.home_list import INTERVAL
from adapters.simulator.simulation.account.incidents import (
    AlertAccount,
    AlertLook,
    CollectorKilled,
    Key,
    Row,
    alert_account,
)
from tests.support.builders import NOON

STORED, FAILED, REFUSED = ("stored", None), ("failed", "network"), ("failed", "credentials")
DEFERRED = ("deferred", "throttled")
SILENT, CREDENTIALS = "source_silent:amazon", "credentials:amazon"


def look(number: int, *incidents: str, has_alert: bool = False, is_stored: bool = True) -> AlertLook:
    return AlertLook(
        at_s=number * INTERVAL.total_seconds(),
        slots={"amazon": NOON + number * INTERVAL},
        is_stored=is_stored,
        incidents=frozenset(incidents),
        has_alert=has_alert,
    )


def compared(
    seen: Sequence[AlertLook | CollectorKilled],
    *rows: tuple[str, str | None],
    is_scheduled: bool = True,
    others: Mapping[str, float] | None = None,
) -> AlertAccount:
    ledger: dict[Key, Row] = {
        ("amazon", NOON + number * INTERVAL): Row(state=state, cause=cause, is_scheduled=is_scheduled)
        for number, (state, cause) in enumerate(rows)
    }
    return alert_account(seen, ledger, {}, others or {})


def test_a_source_is_silent_from_its_third_bad_cycle_until_it_answers() -> None:
    seen = [look(0), look(1), look(2, SILENT), look(3, SILENT), look(4)]
    found = compared(seen, FAILED, DEFERRED, FAILED, DEFERRED, STORED)
    assert (found.wrong, found.called_for, found.opened) == ({}, {"source_silent": 1}, {"source_silent": 1})


@pytest.mark.parametrize(
    ("incidents", "words"),
    [((), "source_silent missing"), ((SILENT, "disk_low:data"), "disk_low open")],
)
def test_what_differs_is_named(incidents: tuple[str, ...], words: str) -> None:
    seen = [look(0), look(1), look(2, *incidents)]
    assert compared(seen, FAILED, FAILED, FAILED).wrong == {words: 1}


def test_a_refused_token_calls_for_the_alert_file_and_not_for_silence() -> None:
    seen = [look(number, CREDENTIALS, has_alert=True) for number in range(4)]
    found = compared([*seen, look(4)], REFUSED, REFUSED, REFUSED, REFUSED, STORED)
    assert (found.wrong, found.alerts) == ({}, 1)
    late = compared([look(0, CREDENTIALS), look(1, has_alert=True)], REFUSED, STORED)
    assert late.wrong == {"alert_file missing": 1, "alert_file there": 1}


def test_cycles_outside_the_schedule_count_towards_no_silence() -> None:
    seen = [look(0), look(1), look(2)]
    assert not compared(seen, FAILED, FAILED, FAILED, is_scheduled=False).called_for


def test_a_cycle_that_is_not_in_the_ledger_waits_in_the_spool() -> None:
    seen = [look(0, "spool_in_use:database", is_stored=False), look(1)]
    assert compared(seen, STORED, STORED).wrong == {}
    assert compared([look(0, is_stored=False)], STORED).wrong == {"spool_in_use missing": 1}


def test_nothing_is_certain_after_a_kill_until_the_source_answers() -> None:
    seen: list[AlertLook | CollectorKilled] = [look(0), look(1), CollectorKilled()]
    seen += [look(2), look(3), look(4, SILENT)]
    found = compared(seen, FAILED, FAILED, FAILED, STORED, STORED)
    assert found.wrong == {"source_silent open": 1}


def test_a_trouble_may_call_for_what_no_cycle_calls_for() -> None:
    seen = [look(number, "clock_stepped:clock") for number in range(3)]
    rows = (STORED, STORED, STORED)
    assert compared(seen, *rows, others={"clock_stepped": INTERVAL.total_seconds()}).wrong == {
        "clock_stepped open": 1
    }
