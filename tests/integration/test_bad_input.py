"""Whatever the bridge and the account answer: what was good is collected, and the rest has a reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.bad_input import Spoiling, spoiling
from tests.recorded import AMAZON, HUE_PATHS
from tests.replayed_home import Answer
from tests.spoiled_wire import cases, odd_numbers


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoiling]:
    with spoiling(tmp_path_factory.mktemp("bad input")) as ready:
        yield ready


def test_each_reply_is_asked_for_when_it_is_to_be_spoiled(home: Spoiling) -> None:
    for name in (*HUE_PATHS, *AMAZON):
        home.cycle({name: Answer(pieces=[b""], closes=True)})
        assert home.home.asked[name], name


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases())
def test_any_reply_is_collected_or_has_failed_for_a_reason(home: Spoiling, case: dict[str, Answer]) -> None:
    home.cycle(case)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(odd_numbers())
def test_each_number_that_is_none_is_counted_and_costs_only_itself(
    home: Spoiling, case: dict[str, Answer]
) -> None:
    home.cycle_counting(case)
