"""Which folder is the home, which command comes next, and how a person is asked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from entrypoints.commands.setup_steps import next_command
from entrypoints.process import find_home
from entrypoints.terminal.output import as_typed_here
from entrypoints.terminal.prompts import Prompts

NAMED, CHECKOUT = "HOMECLIMATE_HOME", "HOMECLIMATE_CHECKOUT"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "is_home_here", "environment", "home"),
    [
        (Path("given"), True, {NAMED: "/named", CHECKOUT: "/checkout"}, "{here}/given"),
        (None, True, {NAMED: "/named", CHECKOUT: "/checkout"}, "/named"),
        (None, True, {CHECKOUT: "/checkout"}, "{here}"),
        (None, False, {CHECKOUT: "/checkout"}, "/checkout"),
    ],
)
def test_home_is_given_named_current_or_the_checkout(
    folder: Path, given: Path | None, is_home_here: bool, environment: dict[str, str], home: str
) -> None:
    if is_home_here:
        (folder / "config").mkdir()
        (folder / "config" / "config.yaml").touch()
    assert find_home(given, environment) == Path(home.format(here=folder))


def test_home_is_else_in_the_users_data_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    home = find_home(None, {})
    assert home.name == "homeclimate"
    assert home.is_relative_to(folder)


def test_next_command_works_where_it_is_typed(folder: Path) -> None:
    checkout, home = folder / "a b", folder / "my home"
    assert next_command(folder, {CHECKOUT: str(folder)}) == "./run collect --once"
    assert next_command(checkout, {CHECKOUT: str(checkout)}) == f"'{checkout}/run' collect --once"
    assert next_command(folder, {NAMED: str(folder)}) == "homeclimate collect --once"
    assert next_command(home, {NAMED: str(folder)}) == f"homeclimate collect --once --home '{home}'"


def test_commands_in_messages_are_those_that_work_here(folder: Path) -> None:
    text = "no home: run `homeclimate setup`, or see homeclimate.log of homeclimate 0.1"
    here = "no home: run `./run setup`, or see homeclimate.log of homeclimate 0.1"
    assert as_typed_here(text, {CHECKOUT: str(folder)}) == here
    assert as_typed_here(text, {}) == text


@pytest.mark.parametrize(
    ("terminal", "printed"),
    [
        ("xterm", "\rPress. 30 s left \rPress. 29 s left \rPress. 19 s left \n"),
        ("dumb", "Press. 30 s left\nPress. 19 s left\n"),
        (None, "Press. 30 s left\nPress. 19 s left\n"),
    ],
)
def test_countdown_is_redrawn_or_printed_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: str | None, printed: str
) -> None:
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.delenv("TERM", raising=False)
    if terminal is not None:
        monkeypatch.setenv("TERM", terminal)
    with Prompts().countdown("Press.") as show_left_s:
        for left_s in (30, 29, 19):
            show_left_s(left_s)
    assert capsys.readouterr().out == printed


def test_without_a_terminal_the_default_is_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    prompts = Prompts()
    assert not prompts.is_interactive
    assert prompts.confirm("Sure?", default=True)
    assert not prompts.confirm("Sure?", default=False)
    assert capsys.readouterr().out == ""


def test_messages_go_to_stdout_and_warnings_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Prompts().show("found")
    Prompts().warn("but")
    assert capsys.readouterr() == ("found\n", "but\n")
