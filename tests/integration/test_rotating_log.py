"""The rotating log: its bound, other processes, and disks that fail."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.log import newest_records as reading_back
from adapters.log.newest_records import newest_records
from adapters.log.rotating_log import RotatingLog
from adapters.memory.runtime import MemoryClock
from ports.journal import Level
from tests.support.builders import NOON

MAX_BYTES = 20_000
BACKUPS = 5

WRITER = """
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from adapters.log.rotating_log import RotatingLog
from adapters.runtime.clock import SystemClock
from ports.journal import Level

def replace_slowly(source, target, replace=os.replace):
    replace(source, target)
    time.sleep(0.001)

os.replace = replace_slowly
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
            continue  # renamed meanwhile
    return found


def lines(folder: Path) -> list[str]:
    """Return all lines, oldest first."""
    paths = sorted(folder.glob("homeclimate.log.*"), key=lambda path: -int(path.suffix[1:]))
    return "".join(path.read_text() for path in [*paths, folder / "homeclimate.log"]).splitlines()


def numbers(folder: Path) -> list[int]:
    return [int(line.rpartition("number=")[2]) for line in lines(folder) if " cycle " in line]


def test_line_begins_with_time_and_level(tmp_path: Path) -> None:
    a_log(tmp_path).record(Level.INFO, "cycle", source="hue", readings=12)
    assert lines(tmp_path) == ["2026-03-01T12:00:00.000Z INFO cycle source=hue readings=12"]


def test_records_below_the_level_are_dropped(tmp_path: Path) -> None:
    log = a_log(tmp_path, level=Level.WARNING)
    log.record(Level.INFO, "cycle")
    log.record(Level.WARNING, "retry")
    assert [line.split()[1] for line in lines(tmp_path)] == ["WARNING"]


def test_files_stay_within_size_and_number(tmp_path: Path) -> None:
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
    """At the default of 10 MB: the last record that fits stays, and the next starts a new file."""
    clock = MemoryClock(NOON)
    log = RotatingLog(tmp_path, redact=str, clock=clock)
    current, older = tmp_path / "homeclimate.log", tmp_path / "homeclimate.log.1"
    log.record(Level.INFO, "cycle", number=0)
    line_bytes = current.stat().st_size
    largest = 10_000_000 - 4 * 16_000  # the rest is reserved for records without a lock
    with current.open("ab") as filled:
        filled.write(b"x" * (largest - 2 * line_bytes - 1) + b"\n")
    log.record(Level.INFO, "cycle", number=1)
    assert (current.stat().st_size, older.exists()) == (largest, False)
    log.record(Level.INFO, "cycle", number=2)
    assert older.stat().st_size == largest
    assert [line.rpartition("=")[2] for line in current.read_text().splitlines()] == ["2"]


def test_log_without_backups_starts_over(tmp_path: Path) -> None:
    log = a_log(tmp_path, max_bytes=2000, backups=0)
    for number in range(100):
        log.record(Level.INFO, "cycle", number=number)
        assert sum(sizes(tmp_path).values()) <= 2000
    assert set(sizes(tmp_path)) == {"homeclimate.log"}
    assert numbers(tmp_path)[-1] == 99


@pytest.mark.parametrize("letter", ["x", "ü", "€", "😀"])
def test_long_record_is_cut_between_characters(tmp_path: Path, letter: str) -> None:
    log = a_log(tmp_path, max_bytes=10_000_000)
    for shift in range(4):
        log.record(Level.INFO, "body", text="y" * shift + letter * 20_000)
    text = (tmp_path / "homeclimate.log").read_bytes()
    for line in text.decode().splitlines():
        assert 16_000 - 4 <= len(line.encode()) + 1 <= 16_000
        assert line.endswith(f"{letter}...[cut]")


def test_secret_is_redacted_before_the_cut(tmp_path: Path) -> None:
    log = a_log(tmp_path, max_bytes=10_000_000, redact=lambda text: text.replace("s3cret" * 10, "***"))
    log.record(Level.INFO, "body", text="x" * 15_920 + "s3cret" * 10)
    assert "s3cret" not in lines(tmp_path)[0]


def test_eight_threads_lose_and_repeat_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def replace_slowly(source: Path, target: Path) -> None:
        replace(source, target)
        time.sleep(0.001)  # another thread would rotate too

    monkeypatch.setattr(os, "replace", replace_slowly)
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


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    writers = [a_writer(tmp_path, name, 700) for name in "ab"]
    for writer in writers:
        writer.communicate()
    written = lines(tmp_path)
    assert len(sizes(tmp_path)) > 1
    for name in "ab":
        own = [int(line.rpartition("=")[2]) for line in written if f"writer={name} " in line]
        assert own == list(range(700))


def test_two_processes_stay_within_the_bound(tmp_path: Path) -> None:
    writers = [a_writer(tmp_path, name, 3000, max_bytes=4000) for name in "ab"]
    while any(writer.poll() is None for writer in writers):
        if tmp_path.exists() and (seen := sizes(tmp_path)):
            assert max(seen.values()) <= 4000
    for writer in writers:
        writer.communicate()
    assert len(sizes(tmp_path)) == 1 + BACKUPS
    assert sum(sizes(tmp_path).values()) <= 4000 * (1 + BACKUPS)
    assert all(" cycle writer=" in line for line in lines(tmp_path))


def test_folder_is_locked_while_a_record_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others_locked: list[bool] = []
    write = os.write

    def try_to_lock_and_write(descriptor: int, line: bytes) -> int:
        other = os.open(tmp_path, os.O_RDONLY)
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            others_locked.append(False)
        else:
            others_locked.append(True)
        finally:
            os.close(other)
        return write(descriptor, line)

    monkeypatch.setattr(os, "write", try_to_lock_and_write)
    log = a_log(tmp_path)
    log.record(Level.INFO, "cycle", number=0)
    log.record(Level.INFO, "cycle", number=1)
    assert others_locked == [False, False]


def test_killed_process_loses_no_record(tmp_path: Path) -> None:
    writer = a_writer(tmp_path, "a", 1_000_000, "tell", max_bytes=10_000_000)
    acknowledged = [int(writer.stdout.readline()) for _ in range(200)]
    writer.send_signal(signal.SIGKILL)
    rest, _ = writer.communicate()
    acknowledged += [int(number) for number in rest.splitlines()[:-1]]
    assert numbers(tmp_path)[: len(acknowledged)] == acknowledged


def test_file_that_cannot_be_renamed_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: object, target: object) -> None:
        raise PermissionError(13, "renaming is not possible")

    monkeypatch.setattr(os, "replace", refuse)
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(400):
        log.record(Level.INFO, "cycle", number=number)
        assert max(sizes(tmp_path).values()) <= 2000
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o640}
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 400))
    assert len(kept) > 100


def test_failed_rename_is_critical_at_once_and_is_retried_with_backoff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts_s: list[float] = []

    def refuse(source: object, target: object) -> None:
        attempts_s.append(clock.elapsed_s())
        raise PermissionError(13, "renaming is not possible", str(source))

    clock = MemoryClock(NOON)
    log = a_log(tmp_path, clock=clock)
    monkeypatch.setattr(os, "replace", refuse)
    number = 0
    while not attempts_s:
        log.record(Level.INFO, "cycle", number=number)
        number += 1
    assert lines(tmp_path)[-1] == (
        "2026-03-01T12:00:00.000Z CRITICAL log.rotation_failed "
        f'error="{tmp_path}/homeclimate.log: renaming is not possible"'
    )
    for _ in range(40):
        clock.advance(0.125)
        log.record(Level.INFO, "cycle", number=number)
        number += 1
    assert attempts_s == [0, 1, 3], "three attempts, and then the content is copied"
    assert numbers(tmp_path) == list(range(number)), "nothing is lost"
    assert set(sizes(tmp_path)) == {"homeclimate.log", "homeclimate.log.1"}


def test_recovered_rotation_is_logged_and_later_ones_get_three_attempts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts_s: list[float] = []

    def refuse(source: object, target: object) -> None:
        attempts_s.append(clock.elapsed_s())
        raise PermissionError(13, "renaming is not possible", str(source))

    clock = MemoryClock(NOON)
    log = a_log(tmp_path, clock=clock, backups=20)
    for number in range(3000):
        with monkeypatch.context() as patched:
            if number // 1000 != 1:
                patched.setattr(os, "replace", refuse)
            log.record(Level.INFO, "cycle", number=number)
        clock.advance(0.25)
    first, later = ([at_s for at_s in attempts_s if (at_s >= 500) is is_later] for is_later in (False, True))
    for at_s in (first, later):
        assert [at_s[1] - at_s[0], at_s[2] - at_s[1]] == [1, 2]
        assert all(after - before > 10 for before, after in pairwise(at_s[2:])), "one for each full file"
    logged = [line.split()[1:3] for line in lines(tmp_path) if "log.rotation" in line]
    failed, recovered = ["CRITICAL", "log.rotation_failed"], ["WARNING", "log.rotation_recovered"]
    assert logged == [failed, recovered, failed]


def test_rotation_that_cannot_wait_for_its_backoff_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []

    def refuse(source: object, target: object) -> None:
        attempts.append(number)
        raise PermissionError(13, "renaming is not possible", str(source))

    log = a_log(tmp_path)
    monkeypatch.setattr(os, "replace", refuse)
    for number in range(MAX_BYTES // 40):
        log.record(Level.INFO, "cycle", number=number)
        assert max(sizes(tmp_path).values()) <= MAX_BYTES
    assert numbers(tmp_path) == list(range(number + 1))
    assert len(attempts) == 2, "one at the margin and one at its end, at the same instant"


def test_half_done_rotation_moves_no_part_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_newer_half_stays_if_nothing_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(shutil, "copyfileobj", full)
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(300):
        log.record(Level.INFO, "cycle", number=number)
        assert (tmp_path / "homeclimate.log").stat().st_size <= 2000
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 300))
    assert len(kept) >= 10


def test_two_logs_in_one_folder_share_its_bound(tmp_path: Path) -> None:
    logs = [a_log(tmp_path, max_bytes=4000, name=name) for name in ("homeclimate", "attic")]
    turns = [0] * 600 + [1] * 600 + [0, 1] * 300  # each finds the folder full of the other's files
    for number, turn in enumerate(turns):
        logs[turn].record(Level.INFO, "cycle", number=number)
        assert sum(sizes(tmp_path).values()) <= 4000 * (1 + BACKUPS)
    assert {"homeclimate.log", "attic.log"} <= set(sizes(tmp_path))


def test_partial_write_is_undone_and_the_loss_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_low_disk_is_logged_once_and_raises_the_level(tmp_path: Path) -> None:
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


def test_free_space_is_checked_once_a_minute(tmp_path: Path) -> None:
    clock, looks = MemoryClock(NOON), []

    def free_bytes() -> None:
        looks.append(clock.elapsed_s())

    log = a_log(tmp_path, clock=clock, free_bytes=free_bytes)
    for _ in range(130):
        log.record(Level.INFO, "cycle", number=0)
        clock.advance(1)
    assert looks == [0, 60, 120]
    assert len(lines(tmp_path)) == 130


def test_lock_of_a_stopped_process_stops_no_other(tmp_path: Path) -> None:
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


def test_file_system_without_locks_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(100):
        log.record(Level.INFO, "cycle", number=number)
        assert max(sizes(tmp_path).values()) <= 2000
    assert numbers(tmp_path) == list(range(100))


def test_old_parts_beyond_the_bound_are_removed(tmp_path: Path) -> None:
    for name, size in {".1": 6_000, ".2": 7_000, ".5": 7_000, ".6": 10, ".12": 10}.items():
        (tmp_path / f"homeclimate.log{name}").write_bytes(b"x" * size)
    (tmp_path / "homeclimate.log.note").write_text("mine")
    (tmp_path / "other.log.9").write_text("not ours")
    a_log(tmp_path, max_bytes=3000).record(Level.INFO, "cycle", number=0)
    assert set(sizes(tmp_path)) == {
        "homeclimate.log", "homeclimate.log.1", "homeclimate.log.2", "homeclimate.log.note", "other.log.9"
    }  # fmt: skip


def test_oversized_file_is_rotated_away(tmp_path: Path) -> None:
    (tmp_path / "homeclimate.log").write_bytes(b"x" * 15_000 + b"\n")
    log = a_log(tmp_path, max_bytes=2000)
    for number in range(400):
        log.record(Level.INFO, "cycle", number=number)
    assert sum(sizes(tmp_path).values()) <= 12_000


def test_removed_folder_is_created_again(tmp_path: Path) -> None:
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


def test_home_that_was_moved_is_not_made_again_for_its_log(tmp_path: Path) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    log = a_log(home / "logs")
    log.record(Level.INFO, "cycle", number=0)
    home.rename(elsewhere)
    for number in (1, 2):
        log.record(Level.INFO, "cycle", number=number)
    assert not home.exists()
    elsewhere.rename(home)
    log.record(Level.INFO, "cycle", number=3)
    assert [line.split()[2:] for line in lines(home / "logs")] == [
        ["cycle", "number=0"],
        ["cycle", "number=3"],
        ["log.records_lost", "records=2"],
    ]


def test_folder_that_cannot_be_created_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file in its place")
    a_log(tmp_path / "logs").record(Level.INFO, "cycle")


def test_failing_redactor_writes_nothing(tmp_path: Path) -> None:
    def fail(text: str) -> str:
        raise RecursionError(len(text))

    a_log(tmp_path, redact=fail).record(Level.INFO, "cycle", key="marked-secret")
    assert sizes(tmp_path) == {}


def test_newest_records_span_a_gap_and_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_back, "_MOST_BYTES", 100)
    log = tmp_path / "homeclimate.log"
    times = [f"2026-03-01T{hour:02}:00:00.000Z INFO {'x' * 30}" for hour in range(6)]
    log.with_name(f"{log.name}.2").write_text("".join(f"{line}\n" for line in times))
    found = newest_records(log, NOON - timedelta(hours=12))
    assert found.splitlines() == times[-1:]
    assert newest_records(log, NOON) == ""


@pytest.mark.parametrize(
    ("foreign", "is_tried"),
    [("homeclimate.log.6", True), ("homeclimate.log.9", True), ("attic.log.3", False)],
    ids=str,
)
def test_part_that_cannot_be_removed_does_not_spare_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreign: str, is_tried: bool
) -> None:
    (tmp_path / foreign).write_bytes(b"x" * 4_000)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == foreign:
            raise PermissionError(1, "it is immutable", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    log = a_log(tmp_path, max_bytes=2000)
    critical: set[str] = set()
    for number in range(400):
        log.record(Level.INFO, "cycle", number=number)
        assert sum(sizes(tmp_path).values()) <= 12_000
        critical |= {line for line in lines(tmp_path) if "CRITICAL" in line}
    assert numbers(tmp_path)[-1] == 399
    assert [f"{foreign}: it is immutable" in line for line in critical] == ([True] if is_tried else [])


def test_folder_in_the_place_of_a_part_is_a_problem_at_once(tmp_path: Path) -> None:
    log = a_log(tmp_path)
    log.record(Level.INFO, "cycle", number=0)
    assert log.problem() is None
    (tmp_path / "homeclimate.log.1").mkdir()
    assert log.problem() == f"{tmp_path / 'homeclimate.log.1'} is a folder, not a file. Move it away"
    for number in range(1, 900):
        log.record(Level.INFO, "cycle", number=number)
        assert sum(sizes(tmp_path).values()) <= MAX_BYTES * (1 + BACKUPS)
    assert (tmp_path / "homeclimate.log").read_text().endswith("cycle number=899\n")


def test_log_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    folder, target = tmp_path / "logs", tmp_path / "precious"
    folder.mkdir()
    target.write_text("precious")
    (folder / "homeclimate.log").symlink_to(target)
    failures: list[str] = []
    log = a_log(folder, on_failure=failures.append)
    log.record(Level.INFO, "cycle", number=0)
    assert target.read_text() == "precious"
    assert "it is a symbolic link, which is not followed. Remove it" in failures[0]
    assert "symbolic link" in str(log.problem())


def test_folder_that_is_a_link_is_logged_to(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "logs").symlink_to(tmp_path / "disk")
    a_log(tmp_path / "logs").record(Level.INFO, "cycle", number=0)
    assert numbers(tmp_path / "disk") == [0]
