"""Which folder is the home, by the order of who says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrypoints.process import find_home


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a home in it, to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_given_counts_most(tmp_path: Path) -> None:
    named = {"HOMECLIMATE_HOME": "/named", "HOMECLIMATE_CHECKOUT": "/checkout"}
    assert find_home(Path("given"), named) == tmp_path / "given"


def test_the_environment_counts_next(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").touch()
    assert find_home(None, {"HOMECLIMATE_HOME": "/named"}) == Path("/named")


def test_then_the_folder_where_we_stand_when_it_is_a_home(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.yaml").touch()
    assert find_home(None, {"HOMECLIMATE_CHECKOUT": "/checkout"}) == tmp_path


def test_then_the_checkout() -> None:
    assert find_home(None, {"HOMECLIMATE_CHECKOUT": "/checkout"}) == Path("/checkout")


def test_then_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    home = find_home(None, {})
    assert home.name == "homeclimate"
    assert home.is_relative_to(tmp_path)
