"""Series of charts: how fine they are, and what is left out of long ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.history.series import MOST_POINTS, Resolution, resolution_of, thinned, with_breaks
from tests.support.builders import NOON

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("span", "resolution"),
    [
        (7 * DAY, Resolution.READING),
        (7 * DAY + MINUTE, Resolution.HOUR),
        (1998 * HOUR, Resolution.HOUR),
        (1999 * HOUR, Resolution.DAY),
        (1998 * DAY, Resolution.DAY),
        (1999 * DAY, Resolution.WEEK),
    ],
)
def test_resolution_keeps_a_series_short(span: timedelta, resolution: Resolution) -> None:
    assert resolution_of(span) is resolution


@given(
    slots=st.lists(st.integers(0, 400), min_size=1, unique=True),
    values=st.lists(st.integers(-5, 5), min_size=1),
    most=st.sampled_from([8, 40, MOST_POINTS]),
)
def test_thinned_series_keeps_extremes_and_breaks(
    slots: Sequence[int], values: Sequence[int], most: int
) -> None:
    points = [
        (NOON + slot * MINUTE, float(values[number % len(values)]))
        for number, slot in enumerate(sorted(slots))
    ]
    whole = list(with_breaks(points, MINUTE))
    kept = list(thinned(whole, most))
    assert len(kept) <= most
    assert kept == sorted(kept, key=lambda point: point[0])
    assert set(kept) <= set(whole)
    shown = [value for _, value in kept if value is not None]
    assert (min(shown), max(shown)) == (min(v for _, v in points), max(v for _, v in points))
    for (begin, value), (end, after) in pairwise(kept):
        if value is not None and after is not None:
            assert not any(one is None for at, one in whole if begin < at < end)
