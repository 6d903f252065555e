"""Whatever the bridge and the account reply: what was good is collected, and the rest has a cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from tests.support.bad_input import Spoiling, spoiling
from tests.support.odd_server import reply
from tests.support.recorded import AMAZON, HUE_PATHS, recorded
from tests.support.replayed_home import Answer
from tests.support.spoiled_wire import cases, odd_numbers, single_reads


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoiling]:
    with spoiling(tmp_path_factory.mktemp("bad input")) as ready:
        yield ready


def test_each_reply_that_can_be_spoiled_is_requested(home: Spoiling) -> None:
    for name in (*HUE_PATHS, *AMAZON):
        home.cycle({name: Answer(pieces=[b""], closes=True)})
        assert home.home.asked[name], name


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(cases())
def test_any_reply_is_collected_or_fails_with_a_cause(home: Spoiling, case: dict[str, Answer]) -> None:
    home.cycle(case)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(odd_numbers())
def test_each_non_finite_number_is_counted_and_costs_only_itself(
    home: Spoiling, case: dict[str, Answer]
) -> None:
    home.cycle_counting(case)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(single_reads())
def test_any_single_read_ends_with_content_or_a_source_error(
    home: Spoiling, case: tuple[str, Answer]
) -> None:
    home.read(*case)


def test_a_value_out_of_range_goes_to_other_values_and_is_flagged(home: Spoiling) -> None:
    """Check one cycle by hand in which the laws on rows have something to check."""
    odd = {"hue.v1/sensors": ("temperature", 6_100), "amazon.monitorStates": ("value", -7.0)}
    spoiled = {
        name: Answer(pieces=[reply(json.dumps(_with(recorded().contents[name], *change)).encode())])
        for name, change in odd.items()
    }
    readings = home.cycle(spoiled).readings
    assert {one.device_id for one in readings} == recorded().sensors | recorded().monitors
    kept = [(row["is_anomalous"], json.loads(row["other_values"])) for row in home.rows()]
    assert all(is_anomalous == 1 for is_anomalous, _ in kept)
    assert sum(others.get("temperature") == 61.0 for _, others in kept) == len(recorded().sensors)
    assert sum(others.get("pm25") == -7.0 for _, others in kept) == len(recorded().monitors)


def _with(content: Any, key: str, value: float) -> Any:
    """Return the content with that number under each such key."""
    if isinstance(content, list):
        return [_with(each, key, value) for each in content]
    if not isinstance(content, dict):
        return content
    return {
        name: value if name == key and isinstance(old, int | float) else _with(old, key, value)
        for name, old in content.items()
    }
