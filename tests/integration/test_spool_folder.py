"""The spool's files after crashes, on full disks, and with other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.files import locks as file_lock
from adapters.files.spool.file_spool import FileSpool
from adapters.memory.runtime import MemoryClock, MemoryJournal
from domain.cycle import CycleReport
from domain.errors import SpoolError, StoreBusy
from tests.support.builders import NOON, a_cycle
from tests.support.descriptors import files_open_in
from tests.support.spools import a_cycle_at, drained

CHECKOUT = Path(__file__).parents[2]
TODAY = "2026-03-01.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "spool"
    folder.parent.mkdir()
    return folder


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


def a_spool(folder: Path, journal: MemoryJournal | None = None, max_bytes: int = 10_000_000) -> FileSpool:
    spool = FileSpool(
        folder, clock=MemoryClock(NOON), journal=journal or MemoryJournal(), max_bytes=max_bytes
    )
    spool.prepare(is_data_there=True)
    return spool


def test_there_is_one_file_a_day_and_the_oldest_is_drained_first(folder: Path) -> None:
    clock = MemoryClock(NOON)
    spool = FileSpool(folder, clock=clock, journal=MemoryJournal())
    spool.prepare(is_data_there=True)
    spool.add(a_cycle_at(0))
    clock.advance(86_400)
    spool.add(a_cycle_at(5))
    assert sorted(path.name for path in folder.glob("*.jsonl")) == [TODAY, "2026-03-02.jsonl"]
    assert drained(spool) == [a_cycle_at(0), a_cycle_at(5)]
    assert list(folder.glob("*.jsonl")) == []


def test_a_drain_that_fails_leaves_no_file_open(folder: Path) -> None:
    spool = a_spool(folder)
    spool.add(a_cycle_at(0))

    def fail(_: CycleReport) -> bool:
        raise StoreBusy("locked")

    with pytest.raises(StoreBusy) as kept:
        spool.drain(fail)
    assert not files_open_in(folder)
    assert kept.value.__traceback__ is not None  # which refers to the frame with the file


def test_added_line_and_new_file_are_synced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []  # whether it was the folder
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        synced.append(os.path.isdir(f"/proc/self/fd/{descriptor}"))  # noqa: PTH112 - a link of the kernel's
        fsync(descriptor)

    spool = a_spool(folder)
    monkeypatch.setattr(os, "fsync", noting)
    spool.add(a_cycle_at(0))
    assert synced == [False, True], "the content, and then the name of the new file"
    spool.add(a_cycle_at(5))
    assert synced[2:] == [False]


def test_next_process_drains_what_the_last_one_added(folder: Path) -> None:
    a_spool(folder).add(a_cycle_at(0))
    assert a_spool(folder).waiting().cycles == 1
    assert drained(a_spool(folder)) == [a_cycle_at(0)]


def test_cycle_added_while_draining_is_kept(folder: Path) -> None:
    ours, theirs = a_spool(folder), a_spool(folder)
    ours.add(a_cycle_at(0))
    taken: list[CycleReport] = []

    def take(report: CycleReport) -> bool:
        if not taken:
            theirs.add(a_cycle_at(5))
        taken.append(report)
        return True

    ours.drain(take)
    assert taken + drained(theirs if len(taken) == 1 else ours) == [a_cycle_at(0), a_cycle_at(5)]
    assert list(folder.glob("*.jsonl")) == []


def test_file_recreated_by_another_process_is_read_from_its_start(
    folder: Path,
) -> None:
    ours, theirs = a_spool(folder), a_spool(folder)
    for minute in (0, 5):
        ours.add(a_cycle_at(minute))
    with pytest.raises(ZeroDivisionError):
        ours.drain(lambda report: report == a_cycle_at(0) or bool(1 / 0))
    drained(theirs)
    theirs.add(a_cycle_at(10))
    assert drained(ours) == [a_cycle_at(10)]


@pytest.mark.parametrize("cut", [1, 20, 200, 2000])  # the last one is longer than the next line
def test_partial_last_line_is_cut_off(folder: Path, cut: int) -> None:
    a_spool(folder).add(a_cycle_at(0))
    whole = (folder / TODAY).read_bytes()
    (folder / TODAY).write_bytes(whole + (whole[:-1] * 9)[:cut])
    assert a_spool(folder).waiting().cycles == 1
    a_spool(folder).add(a_cycle_at(5))
    assert drained(a_spool(folder)) == [a_cycle_at(0), a_cycle_at(5)]
    assert list(folder.glob("*.jsonl")) == []


def test_file_with_only_a_partial_line_is_removed(folder: Path) -> None:
    folder.mkdir()
    (folder / TODAY).write_bytes(b'{"crc32":"00')
    assert drained(a_spool(folder)) == []
    assert list(folder.glob("*.jsonl")) == []


@pytest.mark.parametrize("at", [12, 60, -5])
def test_damaged_line_is_quarantined_and_logged(folder: Path, journal: MemoryJournal, at: int) -> None:
    spool = a_spool(folder)
    spool.add(a_cycle_at(0))
    damaged = bytearray((folder / TODAY).read_bytes())
    damaged[at] ^= 1
    (folder / TODAY).write_bytes(damaged)
    spool.add(a_cycle_at(5))
    assert drained(a_spool(folder, journal)) == [a_cycle_at(5)]
    assert (folder / "aside.jsonl").read_bytes() == bytes(damaged)
    assert journal.events() == ("spool.line_damaged",)


def test_foreign_file_is_put_aside_in_portions_and_reported_once(
    folder: Path, journal: MemoryJournal
) -> None:
    spool = a_spool(folder, journal)
    spool.add(a_cycle_at(5))
    foreign = b"".join(b"line %d of another program\n" % number for number in range(2500))
    with (folder / TODAY).open("ab") as file:
        file.write(foreign)
    assert drained(spool) == [a_cycle_at(5)]
    assert journal.events() == ("spool.line_damaged",)
    (aside,) = [path for path in folder.iterdir() if path.name not in ("lock", "reserve")]
    assert aside.read_bytes() == foreign


def test_full_spool_rejects_cycles(folder: Path) -> None:
    spool = a_spool(folder, max_bytes=1500)
    with pytest.raises(SpoolError, match=r"full .* Repair the database"):
        all(map(spool.add, map(a_cycle_at, range(0, 60, 5))))
    size = sum(path.stat().st_size for path in folder.glob("*.jsonl"))
    assert 700 < size <= 1500
    drained(spool)
    spool.add(a_cycle_at(0))


def test_failed_write_leaves_no_partial_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = FileSpool(folder, clock=MemoryClock(NOON), journal=MemoryJournal(), reserve_bytes=0)
    spool.prepare(is_data_there=True)
    spool.add(a_cycle_at(0))
    with monkeypatch.context() as patched:
        pwrite = os.pwrite

        def short(descriptor: int, data: bytes, offset: int) -> int:
            if offset > len(whole):
                raise OSError(28, "No space left on device")
            return pwrite(descriptor, data[:10], offset)

        whole = (folder / TODAY).read_bytes()
        patched.setattr(os, "pwrite", short)
        with pytest.raises(SpoolError, match="No space left"):
            spool.add(a_cycle_at(5))
        assert (folder / TODAY).read_bytes() == whole
    spool.add(a_cycle_at(5))
    assert drained(spool) == [a_cycle_at(0), a_cycle_at(5)]


@pytest.mark.parametrize("is_file", [True, False])
def test_folder_is_created_or_the_error_names_it(folder: Path, is_file: bool) -> None:
    if is_file:
        folder.write_text("a file where a folder is due")
    spool = a_spool(folder)
    if is_file:
        with pytest.raises(SpoolError, match=str(folder)):
            spool.add(a_cycle())
    else:
        spool.add(a_cycle())
        assert drained(spool) == [a_cycle()]


@contextmanager
def _a_process_that_holds_the_lock(folder: Path) -> Iterator[None]:
    program = (
        "import fcntl, os, sys, time; d = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT); "
        "fcntl.flock(d, fcntl.LOCK_EX); print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(folder / "lock")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield
    finally:
        holder.kill()
        holder.communicate()


def test_lock_of_a_stopped_process_is_an_error_within_a_second(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lock, "_PAUSE_S", 0.0)
    folder.mkdir()
    with _a_process_that_holds_the_lock(folder), pytest.raises(SpoolError, match="another process"):
        a_spool(folder).add(a_cycle())


@pytest.mark.proof
def test_processes_that_add_and_drain_at_once_lose_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_lock, "_ATTEMPTS", 3000)  # a busy machine may take long
    program = (
        "import sys; from pathlib import Path; from tests.integration.test_spool_folder import *\n"
        "file_lock._ATTEMPTS = 3000\n"
        "spool = a_spool(Path(sys.argv[1]))\n"
        "for minute in range(int(sys.argv[2]), int(sys.argv[2]) + 300): spool.add(a_cycle_at(minute))\n"
    )
    adders = [
        subprocess.Popen([sys.executable, "-c", program, str(folder), str(begin)], cwd=CHECKOUT)
        for begin in (0, 300)
    ]
    drainer, seen = a_spool(folder), set()
    while any(adder.poll() is None for adder in adders):
        seen |= {report.readings[0].collected_at for report in drained(drainer)}
    seen |= {report.readings[0].collected_at for report in drained(drainer)}
    assert [adder.returncode for adder in adders] == [0, 0]
    assert seen == {NOON + timedelta(minutes=minute) for minute in range(600)}
    assert list(folder.glob("*.jsonl")) == []


def test_spool_file_is_private(folder: Path) -> None:
    a_spool(folder).add(a_cycle())
    assert (folder / TODAY).stat().st_mode & 0o007 == 0


def test_damaged_line_that_cannot_be_quarantined_is_kept(folder: Path, journal: MemoryJournal) -> None:
    spool = a_spool(folder)
    spool.add(a_cycle_at(0))
    damaged = (folder / TODAY).read_bytes().replace(b"hue", b"eue", 1)
    (folder / TODAY).write_bytes(damaged)
    spool.add(a_cycle_at(5))
    (folder / "aside.jsonl").mkdir()
    assert drained(a_spool(folder, journal)) == [a_cycle_at(5)]
    assert journal.events() == ("spool.line_damaged", "spool.not_put_aside")
    (folder / "aside.jsonl").rmdir()
    drained(a_spool(folder))
    assert (folder / "aside.jsonl").read_bytes() == damaged


def test_quarantined_lines_do_not_count_as_used(folder: Path) -> None:
    spool = a_spool(folder, max_bytes=1500)
    for minute in range(0, 30, 5):
        spool.add(a_cycle_at(minute))
        spool.drain(lambda _: False)
    spool.add(a_cycle_at(30))
    assert spool.waiting().cycles == 1


class Places:
    """A spool in the data folder, and two lasting places."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "data"
        self.folders = (self.data / "spool", home / "state" / "spool", home / "user" / "state" / "spool")
        self.journal = MemoryJournal()
        self.data.mkdir(exist_ok=True)
        self.spool = self.begin()

    def begin(self, *, is_data_there: bool = True, is_new: bool = False) -> FileSpool:
        """Start another process."""
        clock = MemoryClock(NOON)
        spool = FileSpool(*self.folders, clock=clock, journal=self.journal, is_new=lambda: is_new)
        spool.prepare(is_data_there=is_data_there)
        return spool

    def lines(self) -> tuple[int, ...]:
        """Return the number of lines in each place."""
        return tuple(
            sum(len(path.read_bytes().splitlines()) for path in folder.glob("????-??-??.jsonl"))
            for folder in self.folders
        )


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def test_lasting_place_takes_what_the_first_one_cannot(places: Places) -> None:
    assert places.spool.add(a_cycle_at(0)) == str(places.folders[0])
    _spoil(places.folders[0])
    assert places.spool.add(a_cycle_at(5)) == str(places.folders[1])
    _spoil(places.folders[1])
    assert places.spool.add(a_cycle_at(10)) == str(places.folders[2])
    _spoil(places.folders[2])
    with pytest.raises(SpoolError) as caught:
        places.spool.add(a_cycle_at(15))
    assert all(str(folder) in str(caught.value) for folder in places.folders)


def test_data_folder_that_may_be_replaced_by_the_one_that_was_lost_comes_last(places: Places) -> None:
    spool = places.begin(is_new=True)
    assert spool.add(a_cycle_at(0)) == str(places.folders[1])
    assert spool.add(a_cycle_at(5)) == str(places.folders[1])
    _spoil(places.folders[1])
    places.folders[2].parent.parent.write_text("no folder")
    assert spool.add(a_cycle_at(10)) == str(places.folders[0])


def _spoil(folder: Path) -> None:
    """Let a folder stand where the lock is due: nothing can be added."""
    (folder / "lock").unlink()
    (folder / "lock").mkdir()


def test_all_places_are_counted_and_drained_oldest_cycle_first(places: Places) -> None:
    for folder, minutes in zip(places.folders, [(10, 25), (0, 30), (5, 20)], strict=True):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for minute in minutes:
            a_spool(folder).add(a_cycle_at(minute))
    waiting = places.begin().waiting()
    assert (waiting.cycles, waiting.places) == (6, [str(folder) for folder in places.folders])
    assert drained(places.begin()) == [a_cycle_at(minute) for minute in (0, 5, 10, 20, 25, 30)]
    assert places.lines() == (0, 0, 0)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_unreadable_place_hides_no_other(places: Places, number: int) -> None:
    for minute, folder in enumerate(places.folders):
        folder.parent.mkdir(parents=True, exist_ok=True)
        a_spool(folder).add(a_cycle_at(minute))
    place = places.folders[number]
    (place / TODAY).unlink()
    (place / TODAY).mkdir()
    spool = places.begin()
    waiting = spool.waiting()
    assert waiting.cycles == 2
    assert [str(place) in problem for problem in waiting.unreadable] == [True]
    with pytest.raises(SpoolError, match=str(place)):
        drained(spool)
    assert spool.waiting().cycles == 0


@pytest.mark.parametrize("is_replaced", [True, False])
def test_nothing_is_made_in_a_data_folder_that_went_away(places: Places, *, is_replaced: bool) -> None:
    places.data.rename(places.home / "away")
    if is_replaced:
        places.data.mkdir()
    assert places.spool.add(a_cycle()) == str(places.folders[1])
    assert drained(places.spool) == [a_cycle()]
    assert places.data.exists() is is_replaced
    assert list(places.data.glob("*")) == []


def test_nothing_is_made_in_a_data_folder_that_was_away_from_the_start(places: Places) -> None:
    places.spool.add(a_cycle_at(0))
    spool = places.begin(is_data_there=False)
    assert spool.add(a_cycle_at(5)) == str(places.folders[1])
    assert drained(spool) == [a_cycle_at(0), a_cycle_at(5)]
    spool.prepare(is_data_there=True)
    assert spool.add(a_cycle_at(10)) == str(places.folders[0])


def test_damaged_line_is_quarantined_in_its_place(places: Places) -> None:
    _spoil(places.folders[0])
    places.spool.add(a_cycle())
    file = places.folders[1] / TODAY
    file.write_bytes(file.read_bytes().replace(b"hue", b"eue", 1))
    assert drained(places.begin()) == []
    assert [(folder / "aside.jsonl").exists() for folder in places.folders] == [False, True, False]


def test_places_together_keep_within_the_limit(places: Places) -> None:
    spool = FileSpool(*places.folders, clock=MemoryClock(NOON), journal=places.journal, max_bytes=1500)
    spool.prepare(is_data_there=False)
    with pytest.raises(SpoolError, match="is full"):
        all(map(spool.add, map(a_cycle_at, range(0, 60, 5))))
    spool.prepare(is_data_there=True)
    with pytest.raises(SpoolError, match="is full"):
        spool.add(a_cycle_at(60))


def test_former_folder_is_drained_and_never_added_to(tmp_path: Path, journal: MemoryJournal) -> None:
    """Of a home that was moved as a whole while its collector ran."""
    clock, former = MemoryClock(NOON), tmp_path / "former"
    a_spool(former, journal).add(a_cycle_at(1))
    (tmp_path / "data").touch()
    spool = FileSpool(tmp_path / "data" / "spool", former=[former], clock=clock, journal=journal)
    assert spool.waiting().cycles == 1
    with pytest.raises(SpoolError):
        spool.add(a_cycle_at(2))
    assert drained(spool) == [a_cycle_at(1)]
    assert spool.waiting().cycles == 0
