"""Bridges are found by multicast DNS, in a network namespace of the test."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.mdns_scenarios import FIRST, SECOND
from tests.support.namespaces import run_apart

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")


def outcome(scenario: str, *arguments: str, has_loopback: bool = True) -> Any:
    return json.loads(
        run_apart("tests.support.mdns_scenarios", scenario, *arguments, has_loopback=has_loopback)
    )


@pytest.mark.proof
def test_announced_bridges_are_found() -> None:
    assert outcome("find") == {
        "everybody": [
            [FIRST, "127.0.0.1", "BSB002"],
            [None, "127.0.0.1", None],
            [SECOND, "127.0.0.1:8443", "BSB003"],
        ],
        "the one": ["127.0.0.1:8443"],
        "was waited for": False,
        "nobody": [],
    }


def test_search_without_a_network_is_our_error() -> None:
    message = outcome("find_without_a_network", has_loopback=False)
    assert message.startswith("cannot look for bridges on this network: ")


@pytest.mark.proof
def test_bridge_is_set_up_by_announcement_and_followed(tmp_path: Path) -> None:
    found = outcome("set_up_and_follow", str(tmp_path))
    assert found["set_up"] == [0, True], found["said"]
    assert found["collected"] == [0, 1, ""]
    assert found["again"] == [0, 1]
    assert found["config_is_unchanged"]
    assert found["remembered"]
