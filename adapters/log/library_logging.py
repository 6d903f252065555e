"""Everything in the process that would complain on stderr, led into the journal."""

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
def captured_complaints(journal: Journal, *, level: Level) -> Iterator[None]:
    """While the block lasts: exceptions that nobody caught, warnings, and what libraries log from `level` on.

    Of libraries nothing below warnings is taken unless `level` is DEBUG: what they say then is for finding
    faults. Nothing of it goes to stderr. A fault that ends the block comes out as `HomeclimateError`.
    """
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    root = logging.getLogger()
    handler = _JournalHandler(journal)
    library_level = logging.DEBUG if level <= Level.DEBUG else logging.WARNING
    root_level = root.level
    sys.excepthook = lambda kind, error, trace: _uncaught(journal, "the program", kind, error, trace)
    threading.excepthook = lambda one: _uncaught(
        journal,
        f"thread {one.thread.name if one.thread else '?'}",
        one.exc_type,
        one.exc_value,
        one.exc_traceback,
    )
    sys.unraisablehook = lambda one: _uncaught(
        journal, one.err_msg or "ignored", one.exc_type, one.exc_value, one.exc_traceback
    )
    root.addHandler(handler)
    root.setLevel(library_level)
    logging.captureWarnings(True)
    try:
        yield
    except (HomeclimateError, OSError):
        raise  # whoever started this tells of them
    except Exception as error:  # noqa: BLE001 - the isolation boundary: Python would print all that it holds
        _uncaught(journal, "the program", type(error), error, error.__traceback__)
        raise HomeclimateError(
            f"stopped by a fault of this program ({type(error).__name__}): the log says where"
        ) from None
    finally:
        logging.captureWarnings(False)
        root.setLevel(root_level)
        root.removeHandler(handler)
        sys.excepthook, threading.excepthook, sys.unraisablehook = before


class _JournalHandler(logging.Handler):
    """A library's record as an event of the journal, which blots secrets out and never raises."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception as error:  # noqa: BLE001 - a library's fault in its own words costs nothing
            message = f"{record.msg} ({type(error).__name__})"
        fields: dict[str, object] = {"logger": record.name, "message": message}
        if record.exc_info and record.exc_info[1] is not None:
            fields["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        self._journal.record(_level_of(record.levelno), "library", **fields)


def _level_of(number: int) -> Level:
    return max((level for level in Level if level <= number), default=Level.DEBUG)


def _uncaught(
    journal: Journal,
    where: str,
    kind: type[BaseException],
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    if issubclass(kind, (KeyboardInterrupt, SystemExit)):
        return
    told = "".join(traceback.format_exception(kind, error, trace))
    journal.record(Level.CRITICAL, "uncaught", where=where, error=kind.__name__, traceback=told)
