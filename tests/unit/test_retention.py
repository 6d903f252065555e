"""Which backups are kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.services.database_upkeep import DAYS, WEEKS, superfluous
from tests.support.builders import NOON

DAY = timedelta(days=1)


def _ago(*days: float) -> set[datetime]:
    return {NOON - day * DAY for day in days}


@pytest.mark.parametrize(
    ("taken", "gone"),
    [
        (_ago(), _ago()),
        (_ago(0), _ago()),
        (_ago(*range(7)), _ago()),
        # noon is on a Sunday: seven days before is the newest of its week
        (_ago(*range(8)), _ago()),
        (_ago(*range(9)), _ago(8)),
        (_ago(*range(14)), _ago(*range(8, 14))),
        (_ago(*range(7), 7, 14, 21, 28), _ago()),
        (_ago(*range(7), 7, 14, 21, 28, 35), _ago(35)),
        # of one day only the newest
        (_ago(0, 0.1, 0.2, 1), _ago(0.1, 0.2)),
        # days without one do not count
        (_ago(0, 100, 200, 300, 400, 500, 600), _ago()),
        (_ago(-400, 0, 1), _ago()),
    ],
)
def test_seven_days_and_four_weeks_before_them_are_kept(taken: set[datetime], gone: set[datetime]) -> None:
    assert superfluous(taken) == gone


def test_a_backup_a_day_for_two_years_leaves_eleven_that_reach_back_a_month() -> None:
    kept: set[datetime] = set()
    for day in range(730):
        kept.add(NOON + day * DAY)
        kept -= superfluous(kept)
        assert len(kept) <= DAYS + WEEKS
        if day > 40:
            assert timedelta(days=28) <= NOON + day * DAY - min(kept) <= timedelta(days=34)
            assert {NOON + (day - ago) * DAY for ago in range(DAYS)} <= kept


@given(st.sets(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2021, 1, 1))))  # noqa: DTZ001
def test_what_is_thinned_out_stays_as_it_is_and_keeps_the_newest(taken: Iterable[datetime]) -> None:
    kept = set(taken) - superfluous(taken)
    assert superfluous(kept) == frozenset()
    assert max(taken, default=None) == max(kept, default=None)
    assert len(kept) <= DAYS + WEEKS
