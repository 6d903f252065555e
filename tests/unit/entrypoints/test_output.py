"""Text for terminals: foreign text made printable, in every encoding, and JSON that stays as it is."""

from __future__ import annotations

import io
import json
import sys

import click
import pytest

from domain.printable import printable
from entrypoints.process import prepare_streams
from entrypoints.terminal.encoding import in_encoding
from entrypoints.terminal.output import (
    Look,
    as_json,
    can_redraw,
    non_blocking_stdout,
    print_message,
    show_usage_error,
)
from entrypoints.terminal.prompts import Prompts

NASTY = "K\x1b]0;x\x07\x1b[2J\r\nhue: all is well"
HARMLESS = "K\ufffd]0;x\ufffd\ufffd[2J\ufffd\ufffdhue: all is well"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (NASTY, HARMLESS),
        (
            "a\u202eb\u2028c\u2066d\x85e\x9bf\ud800g\ufeffh",
            "a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg\ufffdh",
        ),
        ("Küche 21.5 °C 居間 👩\u200d🍳", "Küche 21.5 °C 居間 👩\u200d🍳"),
    ],
)
def test_what_could_control_a_terminal_is_replaced(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_every_way_to_a_terminal_makes_text_printable(capfd: pytest.CaptureFixture[str]) -> None:
    with non_blocking_stdout() as write_line:
        write_line(NASTY)
        write_line(NASTY, Look.GREEN)
    print_message(NASTY)
    print_message(NASTY, err=True, look=Look.DIM)
    Prompts().show(NASTY)
    Prompts().warn(NASTY)
    with Prompts().countdown(NASTY) as draw:
        draw(30)
    show_usage_error(click.UsageError(HARMLESS + "\x1b"))
    out, err = capfd.readouterr()
    assert out == 4 * f"{HARMLESS}\n" + f"{HARMLESS} 30 s left\n"
    assert err == 2 * f"{HARMLESS}\n" + f"Error: {HARMLESS}\ufffd\n"


@pytest.mark.parametrize(
    ("is_terminal", "kind", "expected"),
    [(True, "xterm", True), (True, "dumb", False), (True, None, False), (False, "xterm", False)],
)
def test_only_a_terminal_that_moves_its_cursor_is_redrawn(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, kind: str | None, expected: bool
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    monkeypatch.delenv("TERM", raising=False)
    if kind is not None:
        monkeypatch.setenv("TERM", kind)
    assert can_redraw() == expected


def test_json_has_the_text_itself_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    text = f"{NASTY}\u202e\u2028\x9b\ud800é"
    assert json.loads(as_json({"name": text})) == {"name": text}
    assert as_json({"name": text}).isprintable()
    assert as_json("é") == '"é"'


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "Küche 21.5 °C 3 µg/m³ ▁▄█ ⡇⠉⣀ 居 €"),
        ("iso-8859-15", "Küche 21.5 °C 3 µg/m³ _=# :'. \\u5c45 €"),
        ("latin-1", "Küche 21.5 °C 3 µg/m³ _=# :'. \\u5c45 EUR"),
        ("ascii", "Kuche 21.5 degC 3 ug/m3 _=# :'. \\u5c45 EUR"),
    ],
)
def test_what_an_encoding_lacks_has_a_readable_replacement(
    encoding: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "Küche 21.5 °C 3 µg/m³ ▁▄█ ⡇⠉⣀ 居 €"
    assert in_encoding(text, encoding) == shown
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding, errors="strict"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, encoding, errors="backslashreplace"))
    prepare_streams()
    print_message(text)
    print_message(text, err=True)
    assert written.getvalue().decode(encoding) == 2 * f"{shown}\n"
    assert json.loads(as_json(text).encode(encoding)) == text
