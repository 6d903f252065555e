"""Replies below the byte limit with endless names, lists and messages: what is kept is bounded."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from domain.cycle import Cause, Collected, Failed, Outcome
from tests.support.bad_input import Spoiling, spoiling
from tests.support.odd_json import as_json
from tests.support.odd_server import reply
from tests.support.recorded import recorded
from tests.support.replayed_home import Answer

WORDS = "words " * 200_000  # more than the whole state of a home may hold


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spoiling]:
    with spoiling(tmp_path_factory.mktemp("sizes")) as ready:
        yield ready


def cycle(home: Spoiling, contents: Mapping[str, Any], status: str = "200 OK") -> dict[str, Outcome]:
    """Return the outcomes of a cycle with these contents; the laws bound rows, journal and state."""
    answers = {
        name: Answer(pieces=[reply(as_json(content).encode(), status=status)])
        for name, content in contents.items()
    }
    assert all(len(answer.pieces[0]) < 4_000_000 for answer in answers.values())
    report = home.cycle(answers)
    assert all(home.home.asked[name] for name in contents)
    return {outcome.due.source: outcome for outcome in report.outcomes}


def with_words(content: Any, words: str, is_wanted: Callable[[str], bool]) -> Any:
    """Return the content with the words under the first such key."""
    content, waiting = copy.deepcopy(content), []
    waiting.append(content)
    while waiting:
        holder = waiting.pop()
        for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(value, str) and isinstance(key, str) and is_wanted(key):
                holder[key] = words
                return content
            if isinstance(value, dict | list):
                waiting.append(value)
    raise AssertionError("no such key")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("hue.config", "name"),
        ("hue.config", "modelid"),
        ("hue.v1/sensors", "name"),
        ("hue.v1/sensors", "uniqueid"),
        ("hue.v1/sensors", "lastupdated"),
        ("hue.v1/whole_bridge", "name"),
        ("hue.v2/temperature", "id"),
        ("hue.v2/temperature", "id_v1"),
        ("hue.v2/temperature", "rid"),
        ("hue.v2/temperature", "changed"),
        ("hue.v2/device", "name"),
        ("hue.v2/device", "id"),
        ("hue.v2/device_power", "rid"),
        ("hue.v2/zigbee_connectivity", "mac_address"),
        ("amazon.token", "access_token"),
        ("amazon.exchange", "Value"),
        ("amazon.appliances", "friendlyName"),
        ("amazon.appliances", "entityId"),
        ("amazon.appliances", "assetId"),
        ("amazon.endpoints", "text"),
        ("amazon.monitorStates", "id"),
        ("amazon.monitorStates", "instance"),
        ("amazon.monitorStates", "timeOfSample"),
        ("amazon.phoenix", "entityId"),
        ("amazon.phoenix", "instance"),
    ],
)
@pytest.mark.parametrize(
    "words",
    [
        pytest.param(WORDS, id="words"),
        pytest.param("w" * 3_000_000, id="one word", marks=pytest.mark.proof),
    ],
)
def test_long_text_is_cut_or_costs_only_its_source(home: Spoiling, name: str, key: str, words: str) -> None:
    cycle(home, {name: with_words(recorded().contents[name], words, lambda found: found == key)})


def test_a_sensor_with_a_huge_name_is_read_under_its_beginning(home: Spoiling) -> None:
    sensors = copy.deepcopy(recorded().contents["hue.v1/sensors"])
    for sensor in sensors.values():
        sensor["name"] = "w" * 90_000
    hue = cycle(home, {"hue.v1/sensors": sensors})["hue"]
    assert isinstance(hue, Collected)
    assert {one.device_id for one in hue.readings} == recorded().sensors
    assert {one.location for one in hue.readings} == {"w" * 200}


def v2(item: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    return {"data": [item(number) for number in range(COUNT)]}


COUNT = 5_000  # five times as many as are believed
MONITOR = "AIR_QUALITY_MONITOR"
MANY: Mapping[str, Callable[[], Any]] = {
    "hue.v1/sensors": lambda: {str(n): {"type": "ZLLTemperature"} for n in range(COUNT)},
    "hue.v1/whole_bridge": lambda: {
        "sensors": {
            str(n): {"type": "ZLLTemperature", "state": {"temperature": 2000}, "uniqueid": f"{n:08}"}
            for n in range(COUNT)
        }
    },
    "hue.v2/temperature": lambda: v2(lambda n: {"id": f"{n:08}"}),
    "hue.v2/device": lambda: v2(lambda n: {"id": f"{n:08}", "metadata": {"name": "n"}}),
    "amazon.endpoints": lambda: {
        "data": {
            "listEndpoints": {
                "endpoints": [
                    {"id": f"{n:08}", "displayCategories": {"primary": MONITOR}} for n in range(COUNT)
                ]
            }
        }
    },
    "amazon.appliances": lambda: {
        "data": {
            "endpoints": {
                "items": [
                    {"legacyAppliance": {"entityId": f"{n:08}", "applianceTypes": [MONITOR]}}
                    for n in range(COUNT)
                ]
            }
        }
    },
}


@pytest.mark.parametrize("name", MANY)
def test_more_devices_than_a_home_has_are_not_believed(home: Spoiling, name: str) -> None:
    source = name.partition(".")[0]
    outcome = cycle(home, {name: MANY[name]()})[source]
    match name, outcome:
        case "hue.v1/sensors" | "hue.v1/whole_bridge" | "amazon.endpoints", Failed(cause=cause):
            assert cause is Cause.GARBLED
            assert "lists more than 1,000" in outcome.detail
        case "hue.v1/sensors", Collected(notes=notes):
            assert "lists more than 1,000" in notes[0]  # the whole bridge was read instead
        case "hue.v2/temperature", Collected(notes=notes):
            assert "lists more than 1,000" in notes[0]  # likewise
        case _, Collected():
            pass  # an optional read never costs the readings
        case _:
            raise AssertionError(outcome)


def test_endless_errors_and_notes_are_bounded(home: Spoiling) -> None:
    temperatures = {
        **recorded().contents["hue.v2/temperature"],
        "errors": [{"description": "d" * 50}] * 50_000,
    }
    nameless = {str(n): {"type": "ZLLTemperature", "name": "n" * 150} for n in range(1_000)}
    errors = {"errors": [{"message": f"m {n}", "errorCode": f"C{n}"} for n in range(50_000)]}
    outcomes = cycle(home, {"hue.v2/temperature": temperatures, "amazon.monitorStates": errors})
    hue = outcomes["hue"]
    assert isinstance(hue, Collected)
    assert hue.notes[-1] == "and 49,980 more notes"
    assert len(json.dumps(hue.notes)) < 5_000
    hue = cycle(home, {"hue.v1/sensors": nameless})["hue"]
    assert isinstance(hue, Collected)
    assert hue.notes[-1] == "and 980 more notes"


@pytest.mark.parametrize("status", ["400 Bad", "401 No", "403 No", "429 Slow", "500 Broken", "503 Busy"])
def test_a_long_error_is_cut(home: Spoiling, status: str) -> None:
    error = {"message": WORDS, "error": "invalid_grant " + WORDS}
    cycle(home, {"hue.v1/sensors": error, "amazon.monitorStates": error}, status)
    cycle(home, {"amazon.token": error}, status)
