"""A home with a numbering bridge, its collectors as processes, and the count of both sides."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs

from tests.benchmarks.faults.bridge import SENSORS, NumberingBridge, number_of, write_home

INTERVAL_S = 5
PATIENCE_S = 60.0
_CHECKOUT = Path(__file__).parents[3]
_LOOK_EVERY_S = 0.05


@attrs.frozen(kw_only=True)
class Acknowledged:
    """A line of a collector: the reply's number, if there was one, and where its readings were put."""

    at_s: float
    number: int | None
    place: str  # stored, spooled or memory
    slot: str


class Home:
    """Counts by itself: from the bridge's list, the collectors' lines and plain SQLite."""

    def __init__(self, folder: Path, bridge: NumberingBridge, *, interval_s: int = INTERVAL_S) -> None:
        self.folder = folder
        self.bridge = bridge
        self.interval_s = interval_s
        self.acknowledged: list[Acknowledged] = []
        self.excused: set[int] = set()  # handed over in the moment of a kill, and never acknowledged
        self.errors: list[str] = []
        self.codes: list[int] = []
        write_home(folder, bridge.address, interval_s=interval_s)
        self.clock_file = folder.with_name(f"{folder.name}.clock")
        self.state_home = folder.with_name(f"{folder.name}.state")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def database(self) -> Path:
        return self.data / "readings.db"

    def set_clock(self, offset_s: float) -> None:
        """Set the wall clock of all collectors of the home, relative to the true time."""
        unfinished = self.clock_file.with_suffix(".making")
        unfinished.write_text(str(offset_s))
        unfinished.replace(self.clock_file)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tests.benchmarks.faults.collector", *arguments]

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(_CHECKOUT),
            "HOMECLIMATE_HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.state_home),
            "CLOCK_FILE": str(self.clock_file),
            "NO_COLOR": "1",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; the lines of `collect --json` count as acknowledged."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(),
            cwd=_CHECKOUT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if arguments[0] == "collect":
            self.codes.append(done.returncode)
            self._note(done.stdout.splitlines())
        if "Traceback" in done.stderr:
            self.errors.append(f"a traceback: {done.stderr[-600:]}")
        return done

    def once(self) -> subprocess.CompletedProcess[str]:
        return self.run("collect", "--once", "--json")

    @contextmanager
    def collecting(self) -> Iterator[Collector]:
        """Collect continuously until the end of the block, then stop by SIGTERM."""
        collector = Collector(self)
        try:
            yield collector
        finally:
            collector.end(signal.SIGTERM)

    def numbers(self) -> Counter[int]:
        """Return how many readings of each reply the database has."""
        return Counter(number_of(value) for (value,) in self.rows("SELECT temperature_celsius FROM readings"))

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        if not self.database.exists():
            return []
        with closing(sqlite3.connect(self.database)) as connection:
            try:
                return connection.execute(statement).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def waiting(self) -> set[int]:
        """Return the replies that wait in a spool, wherever it is."""
        found = set()
        for folder in (self.folder, self.state_home):
            for path in folder.glob("**/spool/*"):
                if path.is_file():
                    for line in path.read_bytes().split(b"\n"):
                        found |= _numbers_in(line)
        return found

    def slots_without_a_row(self) -> int:
        """Return how many planned slots between the first and the last of the ledger have no row."""
        select = "SELECT slot FROM outcomes WHERE source LIKE 'hue%' AND scheduled = 1"
        slots = sorted({datetime.fromisoformat(slot) for (slot,) in self.rows(select)})
        return sum(
            round((later - earlier).total_seconds() / self.interval_s) - 1
            for earlier, later in pairwise(slots)
        )

    def causes(self) -> dict[str, int]:
        return dict(self.rows("SELECT cause, count(*) FROM outcomes WHERE state = 'missed' GROUP BY 1"))

    def figures(self) -> str:
        return (
            f"handed over {len(self.bridge.handed_over)}, stored {len(self.numbers())}, "
            f"in flight at a kill {len(self.excused)}, slots without a row {self.slots_without_a_row()}, "
            f"missed {self.causes()}"
        )

    def complaints(self) -> Iterator[str]:
        """Yield what is not as promised once all faults are over."""
        stored, waiting = self.numbers(), self.waiting()
        handed_over = set(self.bridge.handed_over)
        if lost := sorted(handed_over - set(stored) - waiting - self.excused):
            yield f"lost {len(lost)} of {len(handed_over)} replies: {lost[:20]}"
        if partial := {number: count for number, count in stored.items() if count != SENSORS}:
            yield f"in part or twice: {partial}"
        called_stored = [one.number for one in self.acknowledged if one.place == "stored" and one.number]
        if untrue := sorted(set(called_stored) - set(stored)):
            yield f"called stored, and not in the database: {untrue[:20]}"
        if twice := [number for number, count in Counter(called_stored).items() if count > 1]:
            yield f"acknowledged twice: {twice[:20]}"
        if missing := self.slots_without_a_row():
            yield f"{missing} slots without a row"
        if waiting - set(stored):
            yield f"still waiting after the end of the fault: {sorted(waiting - set(stored))[:20]}"
        for path in self.folder.glob("*/*.making"):
            yield f"left over: {path.name}"
        if self.database.exists() and self.rows("PRAGMA integrity_check") != [("ok",)]:
            yield "the database is not sound"
        yield from self.errors

    def _note(self, lines: list[str]) -> list[Acknowledged]:
        noted = [one for line in lines if line.startswith("{") for one in _acknowledged(line)]
        self.acknowledged += noted
        return noted


class Collector:
    """A `collect` that runs until it is ended."""

    def __init__(self, home: Home, *arguments: str) -> None:
        self._home = home
        self.lines: list[Acknowledged] = []
        self._process = subprocess.Popen(
            home.command("collect", "--json", *arguments),
            env=home.environment(),
            cwd=_CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stderr: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def wait_for_lines(self, count: int, place: str | None = None) -> None:
        """Wait until that many further lines have come, of that place if it is named."""
        before = len(self._of(place))
        until_s = time.monotonic() + PATIENCE_S
        while len(self._of(place)) < before + count:
            if time.monotonic() > until_s:
                raise TimeoutError(f"no {count} further lines {place or ''} within {PATIENCE_S:g} s")
            if self._process.poll() is not None:
                raise TimeoutError(f"collect ended with {self._process.returncode}: {self._stderr[-5:]}")
            time.sleep(_LOOK_EVERY_S)

    def end(self, how: signal.Signals, *, excusing: bool = True) -> None:
        """End it, and wait. What a kill catches between the reply and the acknowledgement is excused."""
        if self._process.returncode is not None:
            return
        self._process.send_signal(how)
        code = self._process.wait(PATIENCE_S)
        for reader in self._readers:
            reader.join(PATIENCE_S)
        if how is signal.SIGKILL and excusing:
            newest = max((one.number for one in self.lines if one.number), default=0)
            self._home.excused |= {number for number in self._home.bridge.handed_over if number > newest}
        elif how is not signal.SIGKILL and code != 0:
            self._home.errors.append(f"exit {code} after {how.name}: {''.join(self._stderr)[-400:]}")
        if "Traceback" in "".join(self._stderr):
            self._home.errors.append(f"a traceback: {''.join(self._stderr)[-600:]}")

    def _of(self, place: str | None) -> list[Acknowledged]:
        return [one for one in self.lines if place in (None, one.place)]

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines += self._home._note([line])

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._stderr.extend(self._process.stderr)


def _acknowledged(line: str) -> Iterator[Acknowledged]:
    cycle = json.loads(line)
    place = "stored" if cycle["stored"] else "spooled" if cycle["spooled"] else "memory"
    for outcome in cycle["outcomes"]:
        values = [reading["values"].values() for reading in outcome.get("readings", ())]
        numbers = {number_of(value) for of_one in values for value in of_one}
        yield Acknowledged(
            at_s=time.time(),
            number=min(numbers, default=None),
            place=place,
            slot=outcome["slot"],
        )


def _numbers_in(line: bytes) -> set[int]:
    """Return the numbers of the replies in a line of a spool."""
    try:
        report = json.loads(line)["report"]
    except (ValueError, TypeError, KeyError):
        return set()
    return {
        number_of(value)
        for outcome in report["outcomes"]
        for reading in outcome.get("readings", ())
        for value in reading["values"].values()
    }
