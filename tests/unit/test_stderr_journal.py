"""Records on stderr."""

from __future__ import annotations

import io
import sys

import pytest

from adapters.log.journals import StderrJournal
from ports.journal import Level


def test_only_warnings_and_errors_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    journal = StderrJournal(str)
    journal.record(Level.INFO, "cycle", readings=12)
    journal.record(Level.WARNING, "retry", attempt=1)
    journal.record(Level.ERROR, "cycle_failed", cause="network")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "warning: retry attempt=1\nerror: cycle_failed cause=network\n"


def test_ascii_terminal_gets_escapes() -> None:
    written = io.BytesIO()
    terminal = io.TextIOWrapper(written, "ascii")
    StderrJournal(str, stream=terminal).record(Level.ERROR, "event", room="Küche")
    assert written.getvalue() == b"error: event room=K\\xfcche\n"


def test_closed_terminal_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    StderrJournal(str, stream=closed).record(Level.ERROR, "event")
    monkeypatch.setattr(sys, "stderr", None)
    StderrJournal(str).record(Level.ERROR, "event")
