"""A configuration costs what stands in it, and not what could."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from cattrs.gen import make_dict_structure_fn

from config.loading import load
from domain.errors import SettingsError


@pytest.mark.parametrize(
    ("text", "compiled"),
    [
        ("collectors: {hue: {enabled: no}}\n", ["Settings", "CollectorsSettings", "HueSettings"]),
        (
            "collectors: {hue: {bridges: [{id: 001788fffe0a1b2c}, {id: 001788fffe0a1b2d}]}}\n",
            ["Settings", "CollectorsSettings", "HueSettings", "BridgeSettings"],
        ),
    ],
)
def test_only_for_the_sections_of_the_file_is_anything_compiled_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, compiled: list[str]
) -> None:
    made: list[str] = []

    def noting(due: type, *others: object) -> object:
        made.append(due.__name__)
        return make_dict_structure_fn(due, *others)  # type: ignore[arg-type]

    monkeypatch.setattr("config.structuring.make_dict_structure_fn", noting)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text(text)
    with suppress(SettingsError):  # there are no keys for them
        load(tmp_path)
    assert made == compiled


def test_where_keys_could_stand_is_looked_up_only_for_one_that_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[type] = []

    def noting(root: type) -> dict[str, str]:
        asked.append(root)
        return {}

    monkeypatch.setattr("config.structuring.paths_by_name", noting)
    (tmp_path / "config").mkdir()
    file = tmp_path / "config" / "config.yaml"
    file.write_text("collectors: {hue: {enabled: no}}\n")
    load(tmp_path)
    assert asked == []
    file.write_text("collectors: {hue: {enabled: no}}\nutterly_unknown: 1\n")
    load(tmp_path)
    assert len(asked) == 1
