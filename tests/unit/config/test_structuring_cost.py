"""A configuration costs what stands in it, and not what could."""

from __future__ import annotations

from pathlib import Path

import pytest
from cattrs.gen import make_dict_structure_fn

from config.loading import load


def test_only_for_the_sections_of_the_file_is_anything_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def noting(due: type, *others: object) -> object:
        made.append(due.__name__)
        return make_dict_structure_fn(due, *others)  # type: ignore[arg-type]

    monkeypatch.setattr("config.structuring.make_dict_structure_fn", noting)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").write_text("collectors: {hue: {enabled: no}}\n")
    load(tmp_path)
    assert made == ["Settings", "CollectorsSettings", "HueSettings"]
