"""The contract of states."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.files.state_file import FileState
from adapters.memory.runtime import MemoryJournal
from adapters.memory.state import MemoryState
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


def test_missing_key_is_empty(state: State) -> None:
    assert state.get("hue") == {}


@pytest.mark.parametrize("value", VALUES)
def test_saved_value_is_returned(state: State, value: dict[str, Json]) -> None:
    state.put("hue", value)
    assert state.get("hue") == value


def test_new_value_replaces_the_old_one(state: State) -> None:
    state.put("hue", {"address": "192.0.2.7", "port": 443})
    state.put("hue", {"address": "192.0.2.8"})
    assert state.get("hue") == {"address": "192.0.2.8"}


def test_keys_are_independent(state: State) -> None:
    state.put("hue", {"number": 1})
    state.put("amazon", {"number": 2})
    assert (state.get("hue"), state.get("amazon")) == ({"number": 1}, {"number": 2})


def test_later_changes_by_the_caller_have_no_effect(state: State) -> None:
    value: dict[str, Json] = {"addresses": ["192.0.2.7"]}
    state.put("hue", value)
    for addresses in (value["addresses"], state.get("hue")["addresses"]):
        assert isinstance(addresses, list)
        addresses.append("192.0.2.8")
    assert state.get("hue") == {"addresses": ["192.0.2.7"]}
