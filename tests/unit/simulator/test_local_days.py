"""The zone of a simulated home."""

from __future__ import annotations

from datetime import UTC, datetime

import tzlocal

from adapters.simulator.simulation.account.local_days import ZONE, in_zone

_SUMMER = datetime(2026, 7, 1, tzinfo=UTC)


def test_the_process_is_in_the_zone_of_the_home_though_it_knew_another_one() -> None:
    before = tzlocal.get_localzone()
    with in_zone():
        assert str(tzlocal.get_localzone()) == ZONE
        assert _SUMMER.astimezone().strftime("%z") == "+0200"
    assert tzlocal.get_localzone() == before
