"""What a person is told and asked, and how a countdown looks where no line can be drawn again."""

from __future__ import annotations

import sys

import pytest

from entrypoints.terminal.prompts import Person


def person_at_a_terminal(monkeypatch: pytest.MonkeyPatch, terminal: str | None) -> Person:
    """Both ends are one, of that kind."""
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.delenv("TERM", raising=False)
    if terminal is not None:
        monkeypatch.setenv("TERM", terminal)
    return Person()


def counted(person: Person, *left_s: int) -> None:
    with person.counting_down("Press.") as tell:
        for each in left_s:
            tell(each)


def test_a_countdown_is_one_line_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    counted(person_at_a_terminal(monkeypatch, "xterm"), 30, 9)
    assert capsys.readouterr().out == "\rPress. 30 s left \rPress.  9 s left \n"


@pytest.mark.parametrize("terminal", ["dumb", None])
def test_a_countdown_is_a_line_each_ten_seconds_where_none_can_be_drawn_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], terminal: str | None
) -> None:
    counted(person_at_a_terminal(monkeypatch, terminal), *range(30, 0, -1))
    assert capsys.readouterr().out == "Press. 30 s left\nPress. 20 s left\nPress. 10 s left\n"


def test_nobody_is_asked_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    person = Person()
    assert not person.can_answer
    assert person.agrees("Sure?", default=True)
    assert not person.agrees("Sure?", default=False)
    assert capsys.readouterr().out == ""


def test_telling_is_for_stdout_and_warning_for_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Person().tell("found")
    Person().warn("but")
    assert capsys.readouterr() == ("found\n", "but\n")
