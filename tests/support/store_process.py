"""A process that uses a store, to be killed, limited or recorded; it prints what it has done at once.

python -m tests.support.store_process append DATABASE SOURCE COUNT
python -m tests.support.store_process append_at_a_limit DATABASE
python -m tests.support.store_process open DATABASE
python -m tests.support.store_process serve DATABASE
python -m tests.support.store_process serve_blindly DATABASE
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from adapters.memory.runtime import MemoryClock
from adapters.sqlite import opening
from adapters.sqlite.store import SqliteStore
from domain.cycle import CycleReport
from domain.errors import StoreError
from ports.journal import Level
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store

_LIMIT_BYTES = 400_000


def append(path: str, source: str, count: str) -> None:
    """Append so many cycles, each printed as its slot once it is stored."""
    store = a_store(Path(path))
    for number in range(int(count)):
        slot = NOON + timedelta(minutes=5 * number)
        readings = [a_reading(f"{source}:{device}", collected_at=slot) for device in range(3)]
        store.append(a_cycle(a_collected(*readings, due=a_due(source, slot))))
        _print(slot.isoformat())
    store.close()


def serve(path: str, *, looks: bool) -> None:
    """Append a cycle for each line on stdin, which has its number; answer "stored", or the error's name.

    Without `looks` it opens a database whose log another process has lost, as earlier versions do.
    """
    if not looks:
        setattr(opening, "require_whole", lambda _: None)  # noqa: B010 - for mypy it is not exported
    store = a_store(Path(path))
    with suppress(StoreError):
        store.open()
    _print("open")
    for line in sys.stdin:
        slot = NOON + timedelta(minutes=5 * int(line))
        reading = a_reading("other:a", collected_at=slot)
        try:
            store.append(a_cycle(a_collected(reading, due=a_due("other", slot))))
        except StoreError as error:
            _print(type(error).__name__)
        else:
            _print("stored")
    store.close()


def append_at_a_limit(path: str) -> None:
    """Append until no file may grow any more, and once more; print the number of cycles and the error."""
    store = a_store(Path(path))
    store.open()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (_LIMIT_BYTES, hard))
    stored, refusal = 0, ""
    while not refusal:
        try:
            store.append(_large_cycle(stored))
            stored += 1
        except StoreError as error:
            refusal = type(error).__name__
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    store.append(_large_cycle(stored))
    store.close()
    _print(f"{stored + 1}\n{refusal}")


def open_store(path: str) -> None:
    """Bring the database up to date, printing each journal event."""

    class PrintingJournal:
        def record(self, level: Level, event: str, **fields: object) -> None:
            _print(event)

    store = SqliteStore(Path(path), journal=PrintingJournal(), clock=MemoryClock(NOON))
    store.open()
    _print("open")
    store.close()


def _large_cycle(number: int) -> CycleReport:
    slot = NOON + timedelta(minutes=5 * number)
    return a_cycle(a_collected(a_reading(collected_at=slot, raw_response="x" * 3000), due=a_due(slot=slot)))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Server:
    """A process that serves, seen from the test."""

    def __init__(self, path: Path, *, looks: bool) -> None:
        command = "serve" if looks else "serve_blindly"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.store_process", command, str(path)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "open"

    def append(self, number: int) -> str:
        """Append the cycle of that number; return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()
        return self._read()

    def kill(self) -> None:
        self._process.kill()
        self.end()

    def end(self) -> None:
        """Let it close its store, and end."""
        self._process.communicate(timeout=50)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def another_process(path: Path, *, looks: bool = True) -> Iterator[Server]:
    """A process with an open store on the path."""
    server = Server(path, looks=looks)
    try:
        yield server
    finally:
        server.end()


if __name__ == "__main__":
    match sys.argv[1:]:
        case "append", path, source, count:
            append(path, source, count)
        case "append_at_a_limit", path:
            append_at_a_limit(path)
        case ("serve" | "serve_blindly") as command, path:
            serve(path, looks=command == "serve")
        case "open", path:
            open_store(path)
