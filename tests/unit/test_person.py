"""What a person is told and asked, and how a countdown looks where no line can be drawn again."""

from __future__ import annotations

import sys

import pytest

from entrypoints.person import Person


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    """A terminal at both ends, and what is to be seen on it."""
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    return capsys


def counted(person: Person, *left_s: int) -> None:
    with person.counting_down("Press.") as tell:
        for each in left_s:
            tell(each)


def test_a_countdown_is_one_line_at_a_terminal(
    screen: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    counted(Person(), 30, 9)
    assert screen.readouterr().out == "\rPress. 30 s left \rPress.  9 s left \n"


@pytest.mark.parametrize("terminal", ["dumb", None])
def test_a_countdown_is_a_line_each_ten_seconds_where_none_can_be_drawn_again(
    screen: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: str | None
) -> None:
    if terminal is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", terminal)
    counted(Person(), *range(30, 0, -1))
    assert screen.readouterr().out == "Press. 30 s left\nPress. 20 s left\nPress. 10 s left\n"


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
