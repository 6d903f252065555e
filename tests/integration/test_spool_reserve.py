"""The reserve of the spool: room for cycles where the disk has none left."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.files.spool.file_spool import FileSpool
from adapters.files.spool.lines import encode
from adapters.memory.runtime import MemoryClock, MemoryJournal
from domain.cycle import CycleReport
from domain.errors import SpoolError
from tests.support.builders import NOON
from tests.support.spools import a_cycle_at, drained

CHECKOUT = Path(__file__).parents[2]
TODAY = "2026-03-01.jsonl"
SIZE = 16 * 1024


class Bench:
    """A spool whose days' files cannot be made, so that it uses the reserve."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "data" / "spool"
        self.folder.parent.mkdir()
        self.reserve = self.folder / "reserve"
        self.journal = MemoryJournal()
        self.spool = self.begin()
        (self.folder / TODAY).mkdir()

    def begin(self, *lasting: Path, size: int = SIZE) -> FileSpool:
        """Start another process."""
        spool = FileSpool(
            self.folder, *lasting, clock=MemoryClock(NOON), journal=self.journal, reserve_bytes=size
        )
        spool.prepare(is_data_there=True)
        return spool

    def let_days_be_made(self) -> None:
        (self.folder / TODAY).rmdir()

    def drained(self) -> list[CycleReport]:
        """Drain with a new process, which may not read the folder in the way."""
        self.let_days_be_made()
        taken = drained(self.begin())
        (self.folder / TODAY).mkdir()
        return taken

    def write(self, content: bytes) -> None:
        self.reserve.write_bytes(content.ljust(SIZE, b"\0"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


FIRST, SECOND, THIRD = map(a_cycle_at, (0, 5, 10))


def test_reserve_is_made_of_zeros_and_kept(bench: Bench) -> None:
    assert bench.reserve.read_bytes() == bytes(SIZE)
    assert bench.reserve.stat().st_blocks * 512 >= SIZE, "its room is really taken"
    assert bench.reserve.stat().st_mode & 0o007 == 0
    bench.spool.add(FIRST)
    bench.begin()
    assert bench.drained() == [FIRST]


def test_link_where_the_reserve_is_made_is_not_written_through(bench: Bench, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("of root")
    bench.reserve.unlink()
    bench.reserve.with_name("reserve.making").symlink_to(precious)
    bench.begin()
    assert precious.read_text() == "of root"
    assert bench.reserve.read_bytes() == bytes(SIZE)
    assert not bench.reserve.is_symlink()


def test_reserve_takes_lines_in_place_and_is_zeros_again_after_draining(bench: Bench) -> None:
    inode = bench.reserve.stat().st_ino
    for report in (FIRST, SECOND, THIRD):
        assert bench.spool.add(report) == str(bench.folder)
    assert bench.reserve.read_bytes() == b"".join(map(encode, (FIRST, SECOND, THIRD))).ljust(SIZE, b"\0")
    assert bench.drained() == [FIRST, SECOND, THIRD]
    assert bench.reserve.read_bytes() == bytes(SIZE)
    assert bench.reserve.stat().st_ino == inode
    assert bench.drained() == []


def test_reserve_and_the_day_are_drained_oldest_cycle_first(bench: Bench) -> None:
    bench.spool.add(SECOND)
    bench.let_days_be_made()
    spool = bench.begin()
    spool.add(FIRST)
    spool.add(THIRD)
    assert (spool.waiting().cycles, drained(spool)) == (3, [FIRST, SECOND, THIRD])


def test_full_reserve_leaves_the_cycle_to_the_next_place(bench: Bench, tmp_path: Path) -> None:
    spool = bench.begin(tmp_path / "state" / "spool")
    places = [spool.add(a_cycle_at(minute)) for minute in range(0, 200, 5)]
    assert set(places) == {str(bench.folder), str(tmp_path / "state" / "spool")}
    assert bench.reserve.stat().st_size == SIZE
    bench.let_days_be_made()
    assert drained(spool) == [a_cycle_at(minute) for minute in range(0, 200, 5)]


def test_full_reserve_alone_refuses_the_cycle(bench: Bench) -> None:
    with pytest.raises(SpoolError):
        all(map(bench.spool.add, map(a_cycle_at, range(0, 200, 5))))
    assert bench.reserve.stat().st_size == SIZE


@pytest.mark.parametrize("step", [61, pytest.param(1, marks=pytest.mark.proof)])
def test_line_that_was_cut_at_any_byte_is_not_there(bench: Bench, step: int) -> None:
    whole, cut_line = encode(FIRST), encode(a_cycle_at(5, "A long name of a room" * 9))
    for cut in (*range(0, len(cut_line), step), len(cut_line) - 1):
        bench.write(whole + cut_line[:cut])
        assert bench.spool.add(THIRD)
        assert bench.drained() == [FIRST, THIRD], cut
    assert bench.journal.of("spool.line_damaged") == ()


@pytest.mark.parametrize("sector", [0, 1])
def test_torn_line_is_recognised_and_costs_no_other(bench: Bench, sector: int) -> None:
    torn = bytearray(encode(a_cycle_at(5, "A long name of a room" * 60)))
    torn[sector * 512 : (sector + 1) * 512] = bytes(512)
    bench.write(encode(FIRST) + torn)
    bench.spool.add(THIRD)
    assert bench.drained() == [FIRST, THIRD]
    assert len(bench.journal.of("spool.line_damaged")) == 1
    assert (bench.folder / "aside.jsonl").read_bytes() == torn.lstrip(b"\0")
    assert bench.reserve.read_bytes() == bytes(SIZE)


def test_clearing_that_was_killed_leaves_whole_lines(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite, writes = os.pwrite, 0
    reports = (FIRST, SECOND, THIRD)

    def killed(descriptor: int, data: bytes, offset: int) -> int:
        nonlocal writes
        writes -= 1
        if writes < 0:
            pwrite(descriptor, data[:100], offset)
            raise KeyboardInterrupt
        return pwrite(descriptor, data, offset)

    bench.let_days_be_made()
    for allowed in range(4):
        bench.write(b"".join(map(encode, reports)))
        spool = bench.begin()
        with monkeypatch.context() as patched:
            writes = allowed
            patched.setattr(os, "pwrite", killed)
            with pytest.raises(KeyboardInterrupt):
                drained(spool)
        assert drained(bench.begin()) == list(reports[: max(2 - allowed, 0)])
    assert bench.journal.of("spool.line_damaged") == ()


def test_failed_write_leaves_zeros(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.spool.add(FIRST)
    before, fsync = bench.reserve.read_bytes(), os.fsync

    def broken(descriptor: int) -> None:
        if os.fstat(descriptor).st_size == SIZE:
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        with pytest.raises(SpoolError):
            bench.spool.add(SECOND)
    assert bench.reserve.read_bytes() == before


def test_unreadable_file_hides_no_other_of_its_place(bench: Bench) -> None:
    bench.spool.add(FIRST)
    waiting = bench.begin().waiting()
    assert (waiting.cycles, len(waiting.unreadable)) == (1, 1)


_FAULTS = {
    "pwrite": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO),
    "open": (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE),
    "fsync": (errno.ENOSPC, errno.EDQUOT, errno.EIO),
}


@pytest.mark.parametrize("is_whole_folder", [False, True])
@pytest.mark.parametrize(("call", "number"), [(call, one) for call, all_ in _FAULTS.items() for one in all_])
def test_any_error_leaves_the_cycle_to_what_can_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, *, is_whole_folder: bool
) -> None:
    """The day's file fails, in the middle of a line; or the whole place does."""
    (tmp_path / "data").mkdir()
    folders = tmp_path / "data" / "spool", tmp_path / "state" / "spool"
    spool = FileSpool(*folders, clock=MemoryClock(NOON), journal=MemoryJournal(), reserve_bytes=SIZE)
    spool.prepare(is_data_there=True)
    spool.add(FIRST)
    real = getattr(os, call)

    def fails(target: int | Path, *arguments: Any) -> object:
        path = Path(f"/proc/self/fd/{target}").readlink() if isinstance(target, int) else target
        if path == folders[0] / TODAY or (is_whole_folder and path.parent == folders[0]):
            if call == "pwrite":
                real(target, arguments[0][:100], arguments[1])
            raise OSError(number, os.strerror(number))
        return real(target, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fails)
        assert spool.add(SECOND) == str(folders[1 if is_whole_folder else 0])
    other = FileSpool(*folders, clock=MemoryClock(NOON), journal=MemoryJournal(), reserve_bytes=SIZE)
    assert other.waiting().cycles == 2
    assert drained(other) == [FIRST, SECOND]


_ADDER = """
import sys
from pathlib import Path
from tests.integration.test_spool_reserve import *

clock, journal = MemoryClock(NOON), MemoryJournal()
spool = FileSpool(Path(sys.argv[1]), clock=clock, journal=journal, reserve_bytes=SIZE * 16)
spool.prepare(is_data_there=True)
for number in range(int(sys.argv[2]), 10_000):
    spool.add(a_cycle_at(number, "A long name of a room" * (number % 30)))
    print(number, flush=True)
"""


@pytest.mark.proof
def test_killed_process_leaves_every_cycle_that_it_has_added(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "spool"
    (folder / TODAY).mkdir(parents=True)
    added = 0
    for killed_after in range(1, 9):
        command = [sys.executable, "-c", _ADDER, str(folder), str(added)]
        with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as adder:
            assert adder.stdout is not None
            for _ in range(killed_after):
                added = int(adder.stdout.readline()) + 1
            adder.kill()
            for line in adder.stdout:
                added = int(line) + 1
        journal = MemoryJournal()
        waiting = FileSpool(folder, clock=MemoryClock(NOON), journal=journal).waiting()
        found = waiting.by_source["hue"].slots
        assert {NOON + timedelta(minutes=number) for number in range(added)} <= found
        assert journal.of("spool.line_damaged") == ()


def test_reserve_is_not_made_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As much room as it takes itself has to be left."""
    disk = os.statvfs(tmp_path)
    size = SIZE // disk.f_frsize * disk.f_frsize
    blocks = list(disk)
    blocks[4] = 2 * size // disk.f_frsize - 1  # f_bavail
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(blocks))
    (tmp_path / "data").mkdir()
    journal = MemoryJournal()
    spool = FileSpool(
        tmp_path / "data" / "spool", clock=MemoryClock(NOON), journal=journal, reserve_bytes=size
    )
    spool.prepare(is_data_there=True)
    assert journal.events() == ("spool.no_reserve",)
    assert os.listdir(tmp_path / "data" / "spool") == ["lock"]  # noqa: PTH208 - names alone
    spool.add(FIRST)
    assert drained(spool) == [FIRST]


def test_reserve_that_was_half_made_is_made_again(bench: Bench) -> None:
    bench.reserve.unlink()
    (bench.folder / "reserve.making").write_bytes(b"\0" * 100)
    bench.begin()
    assert bench.reserve.read_bytes() == bytes(SIZE)
    assert not (bench.folder / "reserve.making").exists()


@pytest.mark.parametrize("is_in_reserve", [True, False])
def test_empty_place_is_only_looked_at_until_it_changes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, is_in_reserve: bool
) -> None:
    bench.let_days_be_made()
    clock = MemoryClock(NOON)
    spool = FileSpool(bench.folder, clock=clock, journal=bench.journal, reserve_bytes=SIZE)
    for _ in range(2):  # changes within a tick of the disk's clock cannot be seen: the second look counts
        assert drained(spool) == []
        clock.advance(2.1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "listdir", None)
        patched.setattr(os, "open", None)
        assert drained(spool) == []
    if is_in_reserve:
        (bench.folder / TODAY).mkdir()
    bench.spool.add(FIRST)
    if is_in_reserve:
        bench.let_days_be_made()
    assert drained(spool) == [FIRST]


def test_line_added_within_a_tick_of_the_first_look_is_found(bench: Bench) -> None:
    bench.let_days_be_made()
    clock = MemoryClock(NOON)
    spool = FileSpool(bench.folder, clock=clock, journal=bench.journal, reserve_bytes=SIZE)
    assert drained(spool) == []
    status = bench.folder.stat()
    bench.spool.add(FIRST)
    os.utime(bench.folder, ns=(status.st_atime_ns, status.st_mtime_ns))  # the disk's clock has not moved
    clock.advance(2.1)
    assert drained(spool) == [FIRST]
