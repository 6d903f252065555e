"""Which folder is the home, which command comes next, and how a person is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from entrypoints.cli import homeclimate
from entrypoints.process import find_home, typed_anywhere, typed_here
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


COLLECT = "collect --once"


@pytest.mark.parametrize(
    ("environment", "home", "here", "anywhere"),
    [
        ({CHECKOUT: "{cwd}"}, "{cwd}", "./run {}", "{cwd}/run {}"),
        ({CHECKOUT: "{cwd}"}, "{cwd}/my home", "./run {} --home '{cwd}/my home'", None),
        ({CHECKOUT: "{cwd}/a b"}, "{cwd}/a b", "'{cwd}/a b/run' {}", "'{cwd}/a b/run' {}"),
        ({NAMED: "{cwd}"}, "{cwd}", "homeclimate {}", "homeclimate {} --home {cwd}"),
        ({NAMED: "{cwd}"}, "{cwd}/my home", "homeclimate {} --home '{cwd}/my home'", None),
        ({}, "{data}", "homeclimate {}", "homeclimate {}"),
        ({}, "/it's", "homeclimate {} --home '/it'\"'\"'s'", "homeclimate {} --home '/it'\"'\"'s'"),
    ],
)
def test_command_works_where_it_is_typed(
    folder: Path, environment: dict[str, str], home: str, here: str, anywhere: str | None
) -> None:
    def filled(text: str) -> str:
        text = text.replace("{cwd}", str(folder)).replace("{data}", str(find_home(None, {})))
        return text.replace("{}", COLLECT)

    given = {name: filled(value) for name, value in environment.items()}
    assert typed_here(Path(filled(home)), given)(f"homeclimate {COLLECT}") == filled(here)
    typed = typed_anywhere(Path(filled(home)), given)(f"homeclimate {COLLECT}")
    assert typed == (filled(anywhere) if anywhere else filled(here).replace("./run", f"{folder}/run"))


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("run `homeclimate setup`, or", "run `./run setup --home /h`, or"),
        ("`homeclimate setup --reauth hue`", "`./run setup --reauth hue --home /h`"),
        ("run homeclimate setup amazon, or", "run ./run setup amazon --home /h, or"),
        ("Run homeclimate restore FILE with", "Run ./run restore --home /h FILE with"),
        ("`homeclimate db salvage 'a b'`", "`./run db salvage 'a b' --home /h`"),
        ("homeclimate db salvage x", "./run db salvage --home /h x"),
        ("homeclimate baseline capture NAME", "./run baseline capture --home /h NAME"),
        ("`homeclimate --version` and `homeclimate demo`", "`./run --version` and `./run demo`"),
        ("`homeclimate status --home /other`", "`./run status --home /other`"),
        ("homeclimate status --home /other", "./run status --home /other"),
        ("see homeclimate.log of homeclimate 0.1", "see homeclimate.log of homeclimate 0.1"),
    ],
)
def test_commands_in_a_text_are_typed_for_the_home_once(folder: Path, text: str, typed: str) -> None:
    commands = typed_here(Path("/h"), {CHECKOUT: str(folder)})
    assert commands(text) == typed
    assert commands(typed) == typed


def test_command_in_a_removed_folder_names_the_whole_path(folder: Path) -> None:
    folder.rmdir()
    commands = typed_here(Path("/h"), {CHECKOUT: str(folder)})
    assert commands("homeclimate setup") == f"{folder}/run setup --home /h"


def commands_of(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from ((f"{name} {inner}", one) for inner, one in commands_of(found, context))
            if not found.invoke_without_command:
                continue
        yield name, found


OWN_HOME = ("demo", "simulate")  # whose home is not the one that is collected from


def test_home_is_named_exactly_where_the_command_takes_one() -> None:
    commands = dict(commands_of(homeclimate, click.Context(homeclimate)))
    assert len(commands) > 12
    for name, command in commands.items():
        takes_home = any("--home" in option.opts for option in command.params)
        typed = typed_here(Path("/h"), {})(f"homeclimate {name}")
        assert typed == f"homeclimate {name}" + (
            " --home /h" if takes_home and name not in OWN_HOME else ""
        ), name


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
