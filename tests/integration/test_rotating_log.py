"""The log folder, in good times and bad."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.log.rotating_log import RotatingLog
from adapters.memory.runtime import MemoryClock
from ports.journal import Level
from tests.support.builders import NOON

MAX_BYTES = 20_000
BACKUPS = 5

WRITER = """
import sys
from pathlib import Path
from adapters.log.rotating_log import RotatingLog
from adapters.runtime.clock import SystemClock
from ports.journal import Level

folder, name, records, max_bytes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
log = RotatingLog(folder, redact=str, clock=SystemClock(), max_bytes=max_bytes)
for number in range(records):
    log.record(Level.INFO, "cycle", writer=name, number=number)
    if len(sys.argv) > 5:
        print(number, flush=True)
"""


def a_log(folder: Path, **changes: Any) -> RotatingLog:
    settings: dict[str, Any] = {"redact": str, "clock": MemoryClock(NOON), "max_bytes": MAX_BYTES}
    return RotatingLog(folder, **(settings | changes))


def a_writer(folder: Path, name: str, records: int, *more: str, max_bytes: int = MAX_BYTES) -> Any:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(records), str(max_bytes), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def sizes(folder: Path) -> dict[str, int]:
    found = {}
    for path in folder.iterdir():
        try:
            found[path.name] = path.stat().st_size
        except FileNotFoundError:
            continue  # renamed while we looked
    return found


def lines(folder: Path) -> list[str]:
    """All lines, oldest first."""
    paths = sorted(folder.glob("homeclimate.log.*"), key=lambda path: -int(path.suffix[1:]))
    return "".join(path.read_text() for path in [*paths, folder / "homeclimate.log"]).splitlines()


def numbers(folder: Path) -> list[int]:
    return [int(line.rpartition("number=")[2].split()[0]) for line in lines(folder)]


def test_a_line_begins_with_the_time_and_the_level(tmp_path: Path) -> None:
    a_log(tmp_path).record(Level.INFO, "cycle", source="hue", readings=12)
    assert lines(tmp_path) == ["2026-03-01T12:00:00.000Z INFO cycle source=hue readings=12"]


def test_records_below_the_level_are_left_out(tmp_path: Path) -> None:
    log = a_log(tmp_path, level=Level.WARNING)
    log.record(Level.INFO, "cycle")
    log.record(Level.WARNING, "retry")
    assert [line.split()[1] for line in lines(tmp_path)] == ["WARNING"]


def test_no_file_ever_grows_over_its_limit_and_no_more_than_six_stay(tmp_path: Path) -> None:
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(400):
        log.record(Level.INFO, "cycle", number=number)
        assert max(sizes(tmp_path).values()) <= 2000
        assert len(sizes(tmp_path)) <= 1 + BACKUPS
    assert set(sizes(tmp_path)) == {
        "homeclimate.log", *(f"homeclimate.log.{number}" for number in range(1, 6))
    }  # fmt: skip
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 400))


def test_rotation_at_threshold(tmp_path: Path) -> None:
    """At the 10 MB that homes have: the last record that fits stays, and the next begins a new file."""
    clock = MemoryClock(NOON)
    log = RotatingLog(tmp_path, redact=str, clock=clock)
    current, older = tmp_path / "homeclimate.log", tmp_path / "homeclimate.log.1"
    log.record(Level.INFO, "cycle", number=0)
    line_bytes = current.stat().st_size
    largest = 10_000_000 - 4 * 16_000  # the rest is kept for a record that cannot wait for a lock
    with current.open("ab") as filled:
        filled.write(b"x" * (largest - 2 * line_bytes - 1) + b"\n")
    log.record(Level.INFO, "cycle", number=1)
    assert (current.stat().st_size, older.exists()) == (largest, False)
    log.record(Level.INFO, "cycle", number=2)
    assert older.stat().st_size == largest
    assert [line.rpartition("=")[2] for line in current.read_text().splitlines()] == ["2"]


def test_a_log_without_older_parts_begins_again(tmp_path: Path) -> None:
    log = a_log(tmp_path, max_bytes=2000, backups=0)
    for number in range(100):
        log.record(Level.INFO, "cycle", number=number)
        assert sum(sizes(tmp_path).values()) <= 2000
    assert set(sizes(tmp_path)) == {"homeclimate.log"}
    assert numbers(tmp_path)[-1] == 99


@pytest.mark.parametrize("letter", ["x", "ü", "€", "😀"])
def test_a_record_is_cut_at_16_kb_between_two_letters(tmp_path: Path, letter: str) -> None:
    log = a_log(tmp_path, max_bytes=10_000_000)
    for shift in range(4):
        log.record(Level.INFO, "body", text="y" * shift + letter * 20_000)
    text = (tmp_path / "homeclimate.log").read_bytes()
    for line in text.decode().splitlines():
        assert 16_000 - 4 <= len(line.encode()) + 1 <= 16_000
        assert line.endswith(f"{letter}...[cut]")


def test_a_secret_at_the_cut_is_gone_before_the_cut(tmp_path: Path) -> None:
    log = a_log(tmp_path, max_bytes=10_000_000, redact=lambda text: text.replace("s3cret" * 10, "***"))
    log.record(Level.INFO, "body", text="x" * 15_920 + "s3cret" * 10)
    assert "s3cret" not in lines(tmp_path)[0]


def test_eight_threads_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    log = a_log(tmp_path)

    def write(writer: int) -> None:
        for number in range(writer * 200, writer * 200 + 200):
            log.record(Level.INFO, "cycle", number=number)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers(tmp_path)) == list(range(1600))
    assert len(sizes(tmp_path)) > 1


def test_two_processes_lose_nothing_while_there_is_room(tmp_path: Path) -> None:
    writers = [a_writer(tmp_path, name, 700) for name in "ab"]
    for writer in writers:
        writer.communicate()
    written = lines(tmp_path)
    assert len(sizes(tmp_path)) > 1
    for name in "ab":
        own = [int(line.rpartition("=")[2]) for line in written if f"writer={name} " in line]
        assert own == list(range(700))


def test_two_processes_keep_within_the_bound_at_every_instant(tmp_path: Path) -> None:
    writers = [a_writer(tmp_path, name, 3000, max_bytes=4000) for name in "ab"]
    while any(writer.poll() is None for writer in writers):
        if tmp_path.exists() and (seen := sizes(tmp_path)):
            assert max(seen.values()) <= 4000
    for writer in writers:
        writer.communicate()
    assert len(sizes(tmp_path)) == 1 + BACKUPS
    assert sum(sizes(tmp_path).values()) <= 4000 * (1 + BACKUPS)
    assert all(" cycle writer=" in line for line in lines(tmp_path))


def test_while_a_record_is_written_no_other_process_looks_at_the_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_got_the_lock: list[bool] = []
    write = os.write

    def try_to_lock_and_write(descriptor: int, line: bytes) -> int:
        other = os.open(tmp_path, os.O_RDONLY)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            others_got_the_lock.append(False)
        else:
            others_got_the_lock.append(True)
        finally:
            os.close(other)
        return write(descriptor, line)

    monkeypatch.setattr(os, "write", try_to_lock_and_write)
    log = a_log(tmp_path)
    log.record(Level.INFO, "cycle", number=0)
    log.record(Level.INFO, "cycle", number=1)
    assert others_got_the_lock == [False, False]


def test_a_killed_process_has_written_every_record_that_it_made(tmp_path: Path) -> None:
    writer = a_writer(tmp_path, "a", 1_000_000, "tell", max_bytes=10_000_000)
    told = [int(writer.stdout.readline()) for _ in range(200)]
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    told += [int(number) for number in rest.splitlines()[:-1]]
    assert numbers(tmp_path)[: len(told)] == told


def test_when_a_file_cannot_be_renamed_it_is_copied_and_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: object, target: object) -> None:
        raise PermissionError(13, "renaming is not possible")

    monkeypatch.setattr(os, "replace", refuse)
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(400):
        log.record(Level.INFO, "cycle", number=number)
        assert max(sizes(tmp_path).values()) <= 2000
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 400))
    assert len(kept) > 100


def test_a_rename_that_fails_is_tried_by_later_records_and_said_once_when_it_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    replace = os.replace

    def refuse(source: object, target: object) -> None:
        asked.append(number)
        raise PermissionError(13, "renaming is not possible")

    clock = MemoryClock(NOON)
    log = a_log(tmp_path, max_bytes=2000, clock=clock)
    monkeypatch.setattr(os, "replace", refuse)
    number = 0
    while len(asked) < 3:
        log.record(Level.INFO, "cycle", number=number)
        number += 1
    assert asked == [asked[0], asked[0] + 1, asked[0] + 2], "an attempt a record, and none waits"
    assert numbers(tmp_path) == list(range(number)), "nothing is lost by trying"
    monkeypatch.setattr(os, "replace", replace)
    clock.advance(60)
    for later in range(number, number + 80):
        log.record(Level.INFO, "cycle", number=later)
    said = [line for line in lines(tmp_path) if "log.rotation_failed" in line]
    assert [line.split()[1:] for line in said] == [
        ["CRITICAL", "log.rotation_failed", 'since="2026-03-01', '12:00:00+00:00"', "attempts=3"]
    ]


def test_an_attempt_that_fails_half_way_moves_no_part_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(150):
        log.record(Level.INFO, "cycle", number=number)
    kept = numbers(tmp_path)
    replace = os.replace

    def refuse_the_newest(source: Path, target: Path) -> None:
        if source.name == "homeclimate.log":
            raise PermissionError(13, "renaming is not possible")
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", refuse_the_newest)
        for number in range(150, 200):
            log.record(Level.INFO, "cycle", number=number)
    after = numbers(tmp_path)
    assert after == list(range(after[0], 200))
    assert kept[0] <= after[0]


def test_when_nothing_can_be_moved_or_copied_the_newer_half_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(shutil, "copyfile", full)
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(300):
        log.record(Level.INFO, "cycle", number=number)
        assert (tmp_path / "homeclimate.log").stat().st_size <= 2000
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 300))
    assert len(kept) >= 10


def test_two_logs_in_one_folder_share_its_bound_at_every_instant(tmp_path: Path) -> None:
    logs = [a_log(tmp_path, max_bytes=4000, name=name) for name in ("homeclimate", "attic")]
    turns = [0] * 600 + [1] * 600 + [0, 1] * 300  # each finds the folder full of the other's files
    for number, turn in enumerate(turns):
        logs[turn].record(Level.INFO, "cycle", number=number)
        assert sum(sizes(tmp_path).values()) <= 4000 * (1 + BACKUPS)
    assert {"homeclimate.log", "attic.log"} <= set(sizes(tmp_path))


def test_a_record_that_only_half_fits_on_the_disk_leaves_no_half_line_and_the_loss_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    log = a_log(tmp_path)
    log.record(Level.INFO, "cycle", number=0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:20]))
        for number in (1, 2):
            log.record(Level.INFO, "cycle", number=number)
    log.record(Level.INFO, "cycle", number=3)
    assert lines(tmp_path) == [
        f"2026-03-01T12:00:00.000Z {record}"
        for record in ("INFO cycle number=0", "INFO cycle number=3", "ERROR log.records_lost records=2")
    ]


MB = 1_000_000


def test_a_disk_that_fills_up_is_said_once_and_then_only_what_matters_is_logged(tmp_path: Path) -> None:
    clock, free = MemoryClock(NOON), [300 * MB]
    log = a_log(tmp_path, clock=clock, free_bytes=lambda: free[0])

    def events_at(megabytes: int) -> list[str]:
        free[0] = megabytes * MB
        clock.advance(60)
        before = len(lines(tmp_path))
        log.record(Level.INFO, "cycle")
        log.record(Level.WARNING, "retry")
        return [line.split()[2] for line in lines(tmp_path)[before:]]

    log.record(Level.INFO, "begin")
    assert events_at(201) == ["cycle", "retry"]
    assert events_at(199) == ["log.disk_low", "cycle", "retry"]
    assert events_at(210) == ["cycle", "retry"]
    assert events_at(49) == ["retry"]
    assert events_at(51) == ["retry"]
    assert events_at(70) == ["cycle", "retry"]
    assert events_at(260) == ["log.disk_recovered", "cycle", "retry"]


def test_the_room_is_looked_at_once_a_minute_and_may_be_unknown(tmp_path: Path) -> None:
    clock, looks = MemoryClock(NOON), []

    def free_bytes() -> None:
        looks.append(clock.elapsed_s())

    log = a_log(tmp_path, clock=clock, free_bytes=free_bytes)
    for _ in range(130):
        log.record(Level.INFO, "cycle", number=0)
        clock.advance(1)
    assert looks == [0, 60, 120]
    assert len(lines(tmp_path)) == 130


def test_when_nothing_can_be_moved_the_oldest_content_goes(tmp_path: Path) -> None:
    (tmp_path / "homeclimate.log.1" / "in the way").mkdir(parents=True)
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(100):
        log.record(Level.INFO, "cycle", number=number)
        assert (tmp_path / "homeclimate.log").stat().st_size <= 2000
    assert (tmp_path / "homeclimate.log").read_text().endswith("number=99\n")


def test_a_process_that_was_stopped_with_the_lock_in_its_hand_stops_nobody_else(tmp_path: Path) -> None:
    log = a_log(tmp_path, max_bytes=2000)
    log.record(Level.INFO, "cycle", number=0)
    holder = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        for number in range(1, 50):
            log.record(Level.INFO, "cycle", number=number)
            assert max(sizes(tmp_path).values()) <= 2000
    finally:
        os.close(holder)
    assert numbers(tmp_path) == list(range(50))
    assert len(sizes(tmp_path)) > 1


def test_a_file_system_without_locks_gets_its_records_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(100):
        log.record(Level.INFO, "cycle", number=number)
        assert max(sizes(tmp_path).values()) <= 2000
    assert numbers(tmp_path) == list(range(100))


def test_what_stands_in_the_folder_beyond_the_bound_goes(tmp_path: Path) -> None:
    for name, size in {".1": 6_000, ".2": 7_000, ".5": 7_000, ".6": 10, ".12": 10}.items():
        (tmp_path / f"homeclimate.log{name}").write_bytes(b"x" * size)
    (tmp_path / "homeclimate.log.note").write_text("mine")
    (tmp_path / "other.log.9").write_text("not ours")
    a_log(tmp_path, max_bytes=3000).record(Level.INFO, "cycle", number=0)
    assert set(sizes(tmp_path)) == {
        "homeclimate.log", "homeclimate.log.1", "homeclimate.log.2", "homeclimate.log.note", "other.log.9"
    }  # fmt: skip


def test_a_file_of_an_older_program_that_is_too_big_is_rolled_away(tmp_path: Path) -> None:
    (tmp_path / "homeclimate.log").write_bytes(b"x" * 15_000 + b"\n")
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(400):
        log.record(Level.INFO, "cycle", number=number)
    assert sum(sizes(tmp_path).values()) <= 12_000


def test_a_folder_that_was_removed_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    log = a_log(folder)
    log.record(Level.INFO, "cycle", number=0)
    (folder / "homeclimate.log").unlink()
    folder.rmdir()
    log.record(Level.INFO, "cycle", number=1)
    log.record(Level.INFO, "cycle", number=2)
    assert [line.split()[2:] for line in lines(folder)] == [
        ["cycle", "number=2"],
        ["log.records_lost", "records=1"],
    ]


def test_a_folder_that_cannot_be_costs_the_caller_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file in its place")
    a_log(tmp_path / "logs").record(Level.INFO, "cycle")


def test_a_redactor_that_fails_lets_nothing_through(tmp_path: Path) -> None:
    def fail(text: str) -> str:
        raise RecursionError(len(text))

    a_log(tmp_path, redact=fail).record(Level.INFO, "cycle", key="marked-secret")
    assert sizes(tmp_path) == {}


def test_times_in_the_log_do_not_go_back(tmp_path: Path) -> None:
    clock = MemoryClock(NOON)
    log = a_log(tmp_path, clock=clock)
    for _ in range(10):
        log.record(Level.INFO, "cycle")
        clock.advance(0.25)
    times = [line.split()[0] for line in lines(tmp_path)]
    assert all(earlier < later for earlier, later in pairwise(times))
