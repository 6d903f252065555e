"""Log uncaught exceptions, warnings and what libraries log in the journal, instead of on stderr."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from domain.errors import HomeclimateError
from ports.journal import Journal, Level


@contextmanager
def redirect_to_journal(journal: Journal, *, level: Level) -> Iterator[None]:
    """Record uncaught exceptions, warnings and library log records while the block runs.

    Libraries' records below WARNING are dropped unless `level` is DEBUG. Nothing reaches stderr. An
    unexpected exception of the block is recorded and raised as `HomeclimateError`.
    """
    hooks_before = sys.excepthook, threading.excepthook, sys.unraisablehook
    root = logging.getLogger()
    level_before = root.level
    handler = _JournalHandler(journal)

    def record(
        where: str,
        kind: type[BaseException],
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not issubclass(kind, (KeyboardInterrupt, SystemExit)):
            text = "".join(traceback.format_exception(kind, error, trace))
            journal.record(Level.CRITICAL, "uncaught", where=where, error=kind.__name__, traceback=text)

    sys.excepthook = lambda kind, error, trace: record("the program", kind, error, trace)
    threading.excepthook = lambda one: record(
        f"thread {one.thread.name if one.thread else '?'}", one.exc_type, one.exc_value, one.exc_traceback
    )
    sys.unraisablehook = lambda one: record(
        one.err_msg or "ignored", one.exc_type, one.exc_value, one.exc_traceback
    )
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if level <= Level.DEBUG else logging.WARNING)
    logging.captureWarnings(True)
    try:
        yield
    except (HomeclimateError, OSError):
        raise  # the caller reports these
    except Exception as error:  # noqa: BLE001 - Python's own traceback would print everything, unredacted
        record("the program", type(error), error, error.__traceback__)
        raise HomeclimateError(
            f"stopped by an internal error ({type(error).__name__}). The log has the details"
        ) from None
    finally:
        logging.captureWarnings(False)
        root.setLevel(level_before)
        root.removeHandler(handler)
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks_before


class _JournalHandler(logging.Handler):
    """Records a library's log record in the journal, which redacts secrets and never raises."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception as error:  # noqa: BLE001 - wrong arguments in a library's log call
            message = f"{record.msg} ({type(error).__name__})"
        fields: dict[str, object] = {"logger": record.name, "message": message}
        if record.exc_info and record.exc_info[1] is not None:
            fields["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        level = max((level for level in Level if level <= record.levelno), default=Level.DEBUG)
        self._journal.record(level, "library", **fields)
