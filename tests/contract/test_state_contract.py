"""What every state promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryJournal
from adapters.memory.spool import MemoryState
from ports.state import Json, State

VALUES: list[dict[str, Json]] = [
    {},
    {"address": "192.0.2.7", "port": 443, "is_pinned": True, "pin": None},
    {"nested": {"list": [1, 2.5, "three", {"four": []}]}},
    {"umlauts": "Küche", "quotes": '"', "lines": "a\nb"},
]


@pytest.fixture(params=["memory", "file"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> State:
    if request.param == "memory":
        return MemoryState()
    return FileState(tmp_path / "data" / "state.json", MemoryJournal())


def test_a_key_without_a_value_is_empty(state: State) -> None:
    assert state.get("hue") == {}


@pytest.mark.parametrize("value", VALUES)
def test_what_was_put_is_there(state: State, value: dict[str, Json]) -> None:
    state.put("hue", value)
    assert state.get("hue") == value


def test_a_new_value_takes_the_place_of_the_old_one_as_a_whole(state: State) -> None:
    state.put("hue", {"address": "192.0.2.7", "port": 443})
    state.put("hue", {"address": "192.0.2.8"})
    assert state.get("hue") == {"address": "192.0.2.8"}


def test_keys_do_not_touch_each_other(state: State) -> None:
    state.put("hue", {"number": 1})
    state.put("amazon", {"number": 2})
    assert (state.get("hue"), state.get("amazon")) == ({"number": 1}, {"number": 2})


def test_what_a_caller_changes_afterwards_changes_nothing(state: State) -> None:
    value: dict[str, Json] = {"addresses": ["192.0.2.7"]}
    state.put("hue", value)
    for addresses in (value["addresses"], state.get("hue")["addresses"]):
        assert isinstance(addresses, list)
        addresses.append("192.0.2.8")
    assert state.get("hue") == {"addresses": ["192.0.2.7"]}
