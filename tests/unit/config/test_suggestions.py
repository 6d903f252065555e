"""Which known name a person may have meant."""

from __future__ import annotations

import pytest

from config.settings import Settings
from config.suggestions import closest, paths_by_name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("intervall_seconds", "interval_seconds"),
        ("Interval-Seconds", "interval_seconds"),
        ("interval_second", "interval_seconds"),
        ("banana", None),
        ("", None),
        ("x" * 1_000_000, None),
    ],
)
def test_only_a_name_that_is_alike_is_suggested(written: str, meant: str | None) -> None:
    assert closest(written, ["interval_seconds", "retry_attempts", "level"]) == meant


def test_a_key_of_one_section_only_has_a_path_and_one_of_several_has_none() -> None:
    paths = paths_by_name(Settings)
    assert paths["bridge_ip"] == "collectors.hue.bridge_ip"
    assert "timeout_seconds" not in paths
