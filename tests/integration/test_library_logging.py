"""Uncaught errors, warnings and library logs go to the journal, without secrets."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from adapters.log.library_logging import redirect_to_journal
from adapters.memory.runtime import MemoryJournal
from domain.errors import HomeclimateError
from domain.redaction import Redactor
from ports.journal import Level

CHECKOUT = Path(__file__).parents[2]
SECRET = "marked-secret-1234567890"

PROGRAM = """
import asyncio, logging, sys, threading, warnings
from pathlib import Path
from adapters.log.library_logging import redirect_to_journal
from adapters.log.rotating_log import RotatingLog
from adapters.runtime.clock import SystemClock
from domain.redaction import Redactor
from ports.journal import Level

log = RotatingLog(Path(sys.argv[1]), redact=Redactor([sys.argv[2]]).redact, clock=SystemClock())

class Unraisable:
    def __del__(self):
        raise ValueError(sys.argv[2])

async def forgotten():
    async def fails():
        raise LookupError(sys.argv[2])
    asyncio.ensure_future(fails())
    await asyncio.sleep(0.01)

with redirect_to_journal(log, level=Level.INFO):
    def fails(): raise KeyError(sys.argv[2])
    thread = threading.Thread(target=fails, name="reader"); thread.start(); thread.join()
    Unraisable()
    warnings.warn(f"odd: {sys.argv[2]}")
    logging.getLogger("urllib3").warning("retrying /api/%s/sensors", sys.argv[2])
    asyncio.run(forgotten())
"""


def test_stderr_stays_empty_and_the_log_has_no_secret(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), SECRET],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    text = (tmp_path / "homeclimate.log").read_text()
    for word in ("KeyError", "ValueError", "LookupError", "odd: ***", "retrying /api/***/sensors"):
        assert word in text
    assert 'where="thread reader"' in text
    assert SECRET not in text


@pytest.mark.parametrize(("level", "seen"), [(Level.DEBUG, ["debug", "warning"]), (Level.INFO, ["warning"])])
def test_library_debug_records_are_kept_at_level_debug_only(level: Level, seen: list[str]) -> None:
    journal = MemoryJournal(Redactor([SECRET]).redact)
    with redirect_to_journal(journal, level=level):
        logging.getLogger("requests").debug("debug")
        logging.getLogger("aiohttp.client").warning("%s", "warning")
    logging.getLogger("requests").debug("afterwards")
    assert [record.fields["message"] for record in journal.of("library")] == seen


def test_library_record_keeps_level_and_traceback() -> None:
    journal = MemoryJournal()
    with redirect_to_journal(journal, level=Level.INFO):
        try:
            1 / 0  # noqa: B018 - it raises
        except ZeroDivisionError:
            logging.getLogger("asyncio").exception("failed with %d parts", 2)
    (record,) = journal.of("library")
    assert record.level is Level.ERROR
    assert record.fields["message"] == "failed with 2 parts"
    assert "ZeroDivisionError" in str(record.fields["traceback"])


def test_hooks_and_handlers_are_restored() -> None:
    before = sys.excepthook, threading.excepthook, sys.unraisablehook, logging.getLogger().handlers[:]
    with redirect_to_journal(MemoryJournal(), level=Level.DEBUG), warnings.catch_warnings():
        assert sys.excepthook is not before[0]
    after = sys.excepthook, threading.excepthook, sys.unraisablehook, logging.getLogger().handlers[:]
    assert after == before


def test_uncaught_exception_is_recorded_with_traceback() -> None:
    journal = MemoryJournal(Redactor([SECRET]).redact)
    with redirect_to_journal(journal, level=Level.INFO):
        error = RuntimeError(SECRET)
        sys.excepthook(RuntimeError, error, error.__traceback__)
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    (record,) = journal.records
    assert (record.level, record.fields["where"]) == (Level.CRITICAL, "the program")
    assert "RuntimeError: ***" in str(record.fields["traceback"])


def test_internal_error_is_raised_without_its_content() -> None:
    journal = MemoryJournal(Redactor([SECRET]).redact)
    with (
        pytest.raises(HomeclimateError, match="an internal error") as raised,
        redirect_to_journal(journal, level=Level.INFO),
    ):
        os.environ[SECRET]
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None
    assert journal.of("uncaught")[0].fields["error"] == "KeyError"
