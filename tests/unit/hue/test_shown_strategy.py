"""Which way a bridge was read is told from what it was asked."""

from __future__ import annotations

import pytest

from adapters.hue.shown_strategy import shown_strategy


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"hue.v2/temperature"}, "v2"),
        ({"hue.config", "hue.v2/temperature", "hue.v1/sensors", "hue.v2/device", "source.attempt"}, "v2"),
        ({"hue.v1/sensors", "source.attempt"}, "v1"),
        ({"hue.v1/whole_bridge"}, "whole_bridge"),
        ({"hue.v2/temperature", "hue.v1/whole_bridge"}, "whole_bridge"),
        ({"hue.v1/sensors", "hue.v1/whole_bridge"}, "whole_bridge"),
        ({"hue.config", "source.attempt"}, None),
        (set(), None),
    ],
)
def test_the_read_is_told_by_what_was_asked(asked: set[str], shown: str | None) -> None:
    assert shown_strategy(asked) == shown
