"""The contract of journals."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest

from adapters.log.journals import Journals, StderrJournal, journal_line
from adapters.log.rotating_log import RotatingLog
from adapters.memory.runtime import MemoryClock, MemoryJournal
from domain.redaction import Redactor
from ports.journal import Journal, Level
from tests.support.builders import NOON

MARKED_SECRET = 'marked "secret"'
redact = Redactor([MARKED_SECRET]).redact


class Unprintable:
    """A value whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("not today")


@attrs.frozen
class Bench:
    """A journal, and the lines in it."""

    journal: Journal
    lines: Callable[[], Sequence[str]]


def a_memory_bench(folder: Path) -> Bench:
    journal = MemoryJournal(redact)
    return Bench(journal, lambda: [journal_line(each.event, each.fields) for each in journal.records])


def a_log_bench(folder: Path) -> Bench:
    log = RotatingLog(folder, redact=redact, clock=MemoryClock(NOON), level=Level.DEBUG)
    file = folder / "homeclimate.log"
    return Bench(log, lambda: file.read_text().splitlines() if file.exists() else [])


def a_stderr_bench(folder: Path) -> Bench:
    stream = io.StringIO()
    journal = StderrJournal(redact, level=Level.DEBUG, stream=stream)
    return Bench(journal, lambda: stream.getvalue().splitlines())


def a_combined_bench(folder: Path) -> Bench:
    first, second = a_log_bench(folder), a_stderr_bench(folder)

    def lines() -> Sequence[str]:
        assert len(first.lines()) == len(second.lines())
        return first.lines()

    return Bench(Journals(first.journal, second.journal), lines)


BENCHES = {
    "memory": a_memory_bench,
    "rotating log": a_log_bench,
    "stderr": a_stderr_bench,
    "combined": a_combined_bench,
}


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    return BENCHES[request.param](tmp_path / "logs")


def test_journal_is_empty_at_first(bench: Bench) -> None:
    assert bench.lines() == []


def test_record_is_one_line_with_event_and_fields(bench: Bench) -> None:
    bench.journal.record(Level.INFO, "cycle", source="hue", readings=12, duration_s=0.25)
    (line,) = bench.lines()
    assert line.endswith("cycle source=hue readings=12 duration_s=0.25")


def test_records_keep_their_order(bench: Bench) -> None:
    for number in range(100):
        bench.journal.record(Level.INFO, "cycle", number=number)
    assert [line.rpartition("=")[2] for line in bench.lines()] == [str(number) for number in range(100)]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("two words", '"two words"'),
        ("", '""'),
        ("a=b", '"a=b"'),
        ('say "no"', '"say \\"no\\""'),
        ("one\ntwo\r\nthree", '"one\\ntwo\\r\\nthree"'),
        ("a line\u2028of its own\x85\x0b\x0c", '"a line\\u2028of its own\\u0085\\u000b\\f"'),
        ("\x1b[2Jgone", '"\\u001b[2Jgone"'),
        ("\u202egnp.exe", '"\\u202egnp.exe"'),
        ("Küche", "Küche"),
        (None, "None"),
        ([1, 2], '"[1, 2]"'),
    ],
)
def test_no_value_breaks_the_line(bench: Bench, value: object, written: str) -> None:
    bench.journal.record(Level.INFO, "event", value=value)
    (line,) = bench.lines()
    assert line.endswith(f"event value={written}")


@pytest.mark.parametrize(
    "value",
    [
        MARKED_SECRET,
        f"the key is {MARKED_SECRET}!",
        {"key": MARKED_SECRET},
        ValueError(MARKED_SECRET),
        f"one\n{MARKED_SECRET}",
    ],
)
def test_secret_in_a_field_is_redacted(bench: Bench, value: object) -> None:
    bench.journal.record(Level.ERROR, "event", value=value)
    (line,) = bench.lines()
    assert "***" in line
    assert "marked" not in line


def test_secret_in_the_event_is_redacted(bench: Bench) -> None:
    bench.journal.record(Level.ERROR, f"saw {MARKED_SECRET}")
    (line,) = bench.lines()
    assert "marked" not in line


def test_unprintable_value_is_replaced(bench: Bench) -> None:
    bench.journal.record(Level.ERROR, "event", good=1, bad=Unprintable())
    (line,) = bench.lines()
    assert line.endswith('event good=1 bad="<unprintable Unprintable>"')


def test_invalid_unicode_is_written(bench: Bench) -> None:
    bench.journal.record(Level.ERROR, "event", value="\udcff")
    assert len(bench.lines()) == 1
