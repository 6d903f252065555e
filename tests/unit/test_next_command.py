"""The next command is one that works where it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrypoints.commands.setup_steps import next_command


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_in_the_checkout_it_is_run(here: Path) -> None:
    assert next_command(here, {"HOMECLIMATE_CHECKOUT": str(here)}) == "./run collect --once"


def test_elsewhere_it_is_the_whole_path_of_run(here: Path) -> None:
    checkout = here / "a b"
    assert (
        next_command(checkout, {"HOMECLIMATE_CHECKOUT": str(checkout)}) == f"'{checkout}/run' collect --once"
    )


def test_installed_it_is_the_command(here: Path) -> None:
    environment = {"HOMECLIMATE_HOME": str(here)}
    assert next_command(here, environment) == "homeclimate collect --once"


def test_a_home_that_would_not_be_found_is_named(here: Path) -> None:
    home = here / "my home"
    assert (
        next_command(home, {"HOMECLIMATE_HOME": str(here)}) == f"homeclimate collect --once --home '{home}'"
    )
