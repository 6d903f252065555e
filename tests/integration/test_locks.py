"""One collector a source, and one process that looks after the database."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.files.locks import SourceLocks, UpkeepLock, exclusive_access, held_sources, known_sources
from adapters.memory.upkeep import MemoryUpkeepLease
from domain.errors import HomeclimateError, SourceLocked, StoreError
from domain.schedule import runs_of
from ports.upkeep import UpkeepLease
from tests.support.builders import NOON

HOLDER = """
import sys
from pathlib import Path
from adapters.files.locks import SourceLocks

locks = SourceLocks(Path(sys.argv[1]))
locks.acquire("hue")
print("held", flush=True)
sys.stdin.read()
"""
MakeLocks = Callable[..., SourceLocks]


@pytest.fixture
def make_locks(tmp_path: Path) -> Iterator[MakeLocks]:
    """Locks in one folder, as processes have them."""
    made: list[SourceLocks] = []

    def make(folder: Path = tmp_path, *lasting: Path, **more: Any) -> SourceLocks:
        made.append(SourceLocks(folder, *lasting, **more))
        return made[-1]

    yield make
    for locks in made:
        locks.close()


def test_second_collector_is_rejected_with_the_holder(make_locks: MakeLocks, tmp_path: Path) -> None:
    make_locks(doing="restoring").acquire("hue")
    with pytest.raises(SourceLocked, match=f"hue is held by process {os.getpid()}, which is restoring "):
        make_locks().acquire("hue")
    make_locks().acquire("amazon")  # sources are independent
    assert held_sources(tmp_path) == ("amazon", "hue")


def test_lock_outlasts_its_folder(make_locks: MakeLocks, tmp_path: Path) -> None:
    """While the data folder is away, a lock in another folder keeps a second collector out; and after it."""
    data, lasting = tmp_path / "data", tmp_path / "state"
    make_locks(data, lasting).acquire("hue")
    with pytest.raises(SourceLocked):
        make_locks(data, lasting, is_away=lambda: True).acquire("hue")
    make_locks(data, lasting, is_away=lambda: True).acquire("amazon")
    assert held_sources(data) == ("hue",)
    assert held_sources(data, lasting) == ("amazon", "hue")
    with pytest.raises(SourceLocked):
        make_locks(data, lasting).acquire("amazon")
    assert not make_locks(data)._held, "nothing is left of the failed one"
    make_locks(data).acquire("amazon")


def test_lock_needs_no_lasting_folder_unless_its_own_is_away(make_locks: MakeLocks, tmp_path: Path) -> None:
    blocked, data = tmp_path / "file", tmp_path / "data"
    blocked.touch()
    make_locks(data, blocked / "locks").acquire("hue")
    with pytest.raises(StoreError, match="is away"):
        make_locks(data, blocked / "locks", is_away=lambda: True).acquire("amazon")
    assert [path.name for path in data.iterdir()] == ["hue.lock"]


def test_lock_that_cannot_be_used_is_replaced_by_the_lasting_one(
    make_locks: MakeLocks, tmp_path: Path
) -> None:
    """As after a run by another user, or on a disk that is full or read-only."""
    (tmp_path / "data").touch()
    locks = make_locks(tmp_path / "data" / "locks", tmp_path / "state")
    locks.acquire("hue")
    assert "cannot lock hue" in str(locks.problem)
    with pytest.raises(SourceLocked):
        make_locks(tmp_path / "data" / "locks", tmp_path / "state").acquire("hue")


def test_released_source_can_be_acquired(make_locks: MakeLocks, tmp_path: Path) -> None:
    first, second = make_locks(), make_locks()
    first.acquire("hue")
    first.acquire("hue")  # is held once
    first.acquire("amazon")
    first.release("hue")
    first.release("hue")
    second.acquire("hue")
    with pytest.raises(SourceLocked):
        second.acquire("amazon")
    first.close()
    second.close()
    assert (held_sources(tmp_path), known_sources(tmp_path)) == ((), ("amazon", "hue"))


def test_killed_collector_holds_nothing(make_locks: MakeLocks, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SourceLocked, match=f"process {holder.pid} "):
            make_locks().acquire("hue")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        make_locks().acquire("hue")


@pytest.mark.parametrize("source", ["hue:00:17/88", "../escaped", "Küche", "."])
def test_any_source_name_makes_a_file_in_the_folder(
    make_locks: MakeLocks, tmp_path: Path, source: str
) -> None:
    make_locks(tmp_path / "locks").acquire(source)
    assert len(list((tmp_path / "locks").iterdir())) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "locks"]
    assert held_sources(tmp_path / "locks") == (source,)


def test_lock_file_that_cannot_be_created_is_an_error(make_locks: MakeLocks, tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file in its place")
    with pytest.raises(HomeclimateError, match="cannot lock hue") as raised:
        make_locks(tmp_path / "locks").acquire("hue")
    assert not isinstance(raised.value, SourceLocked)


def test_file_system_without_locks_is_an_error(
    make_locks: MakeLocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(HomeclimateError, match=r"cannot lock hue: .*No locks available"):
        make_locks().acquire("hue")


def test_killed_collector_leaves_its_slots_to_the_next(make_locks: MakeLocks, tmp_path: Path) -> None:
    for hour in (1, 2):  # the second one is killed before it has used the first one's slot
        locks = make_locks()
        locks.acquire("hue")
        locks.begin("hue", NOON.replace(hour=hour))
        locks.close()  # as the kernel does it: the slot stays noted
    last = make_locks()
    last.acquire("hue")
    assert last.interrupted("hue") == {NOON.replace(hour=1), NOON.replace(hour=2)}
    last.begin("hue", NOON)
    last.finish("hue")
    assert (tmp_path / "hue.lock").read_text().splitlines()[:2] == [
        f"process {os.getpid()}",
        f"ran {NOON.isoformat()} {NOON.isoformat()} 0",
    ]
    last.close()
    after = make_locks()
    after.acquire("hue")
    assert after.interrupted("hue") == set()


def slot(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def left_by(make_locks: MakeLocks, *, kept: Iterable[int] = (), begun: Iterable[int] = ()) -> SourceLocks:
    """Let a process end after cycles that only its memory has, and in others; return the next process."""
    locks = make_locks()
    locks.acquire("hue")
    for minute in kept:
        locks.begin("hue", slot(minute))
        locks.keep("hue")
    for minute in begun:
        locks.begin("hue", slot(minute))
    locks.close()
    after = make_locks()
    after.acquire("hue")
    return after


def test_a_clock_that_is_behind_does_not_end_an_interrupted_slot(make_locks: MakeLocks) -> None:
    after = left_by(make_locks, begun=(60,))
    for minute in (5, 10):  # by a clock that starts behind, before the slot that has no row so far
        after.begin("hue", slot(minute))
        after.finish("hue")
    assert after.interrupted("hue") == {slot(60)}
    after.begin("hue", slot(65))
    assert after.interrupted("hue") == {slot(60)}
    after.finish("hue")
    assert after.interrupted("hue") == set()


def test_slots_that_were_only_in_memory_are_told_from_interrupted_ones(make_locks: MakeLocks) -> None:
    after = left_by(make_locks, kept=(0, 5, 10, 60), begun=(65,))
    assert after.not_stored("hue") == runs_of(map(slot, (0, 5, 10, 60)))
    assert after.interrupted("hue") == {slot(65)}
    after.close()
    again = left_by(make_locks, kept=(70,))
    assert [run.first for run in again.not_stored("hue")] == [slot(0), slot(60), slot(70)]
    again.finish("hue")
    again.close()
    last = left_by(make_locks)
    assert (last.not_stored("hue"), last.interrupted("hue")) == ((), set())


def test_slots_that_ran_are_known_to_later_processes(make_locks: MakeLocks) -> None:
    """Should the database be lost, these were not stopped."""
    for minutes in ((0, 5, 10), (40, 45)):
        locks = make_locks()
        locks.acquire("hue")
        for minute in minutes:
            locks.begin("hue", slot(minute))
            locks.finish("hue")
        locks.close()
    after = left_by(make_locks, begun=(50,))
    assert after.ran("hue") == (*runs_of(map(slot, (0, 5, 10))), *runs_of(map(slot, (40, 45))))
    assert after.interrupted("hue") == {slot(50)}
    after.close()
    again = left_by(make_locks, kept=(55,))
    again.finish("hue")
    assert again.ran("hue")[-1] == runs_of([slot(55)])[0]


def test_note_outlasts_a_data_folder_that_is_put_back(make_locks: MakeLocks, tmp_path: Path) -> None:
    data, lasting = tmp_path / "data", tmp_path / "state"
    first = make_locks(data, lasting)
    first.acquire("hue")
    first.close()
    data.rename(tmp_path / "away")
    locks = make_locks(data, lasting)
    locks.acquire("hue")
    locks.begin("hue", slot(0))
    locks.finish("hue")
    locks.close()
    data.rename(tmp_path / "meanwhile")
    (tmp_path / "away").rename(data)
    after = make_locks(data, lasting)
    after.acquire("hue")
    assert after.ran("hue") == runs_of([slot(0)])


def test_note_of_cycles_in_memory_is_synced(make_locks: MakeLocks, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    locks = make_locks()
    locks.acquire("hue")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", synced.append)
        locks.begin("hue", slot(0))
        assert synced == []
        locks.keep("hue")
        assert len(synced) == 1


def test_earlier_versions_find_cycles_in_memory_interrupted(make_locks: MakeLocks, tmp_path: Path) -> None:
    left_by(make_locks, kept=(0, 5))
    lines = (tmp_path / "hue.lock").read_text().splitlines()
    assert [line for line in lines if line.startswith("in hand")] == [
        f"in hand {slot(minute).isoformat()}" for minute in (5, 0)
    ]


@pytest.mark.parametrize("step", [1, 7])
def test_note_is_overwritten_in_place(make_locks: MakeLocks, tmp_path: Path, step: int) -> None:
    locks, path = make_locks(), tmp_path / "hue.lock"
    locks.acquire("hue")
    before = path.stat()
    for minute in range(300):
        locks.begin("hue", slot(minute * minute if step > 1 else minute))
        locks.keep("hue")
    assert (path.stat().st_size, path.stat().st_ino) == (before.st_size, before.st_ino)
    locks.close()
    after = make_locks()
    after.acquire("hue")
    assert after.not_stored("hue")[-1].has(slot(299 * 299 if step > 1 else 299))


def test_lasting_lock_alone_is_enough_where_the_first_cannot_be_made(
    make_locks: MakeLocks, tmp_path: Path
) -> None:
    blocked, lasting = tmp_path / "file" / "locks", tmp_path / "state"
    (tmp_path / "file").touch()
    first = make_locks(blocked, lasting)
    first.acquire("hue")
    with pytest.raises(SourceLocked):
        make_locks(blocked, lasting).acquire("hue")
    first.begin("hue", NOON)
    first.close()
    (tmp_path / "file").unlink()
    after = make_locks(blocked, lasting)
    after.acquire("hue")
    assert after.interrupted("hue") == {NOON}


def test_note_goes_to_the_other_file_where_the_first_has_no_room(
    make_locks: MakeLocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, lasting, pwrite = tmp_path / "data", tmp_path / "state", os.pwrite
    locks = make_locks(data, lasting)
    locks.acquire("hue")

    def full(descriptor: int, content: bytes, offset: int) -> int:
        if os.path.samestat(os.fstat(descriptor), (lasting / "hue.lock").stat()):
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(descriptor, content, offset)

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        locks.begin("hue", NOON)
        locks.keep("hue")
    locks.close()
    after = make_locks(data, lasting)
    after.acquire("hue")
    assert after.not_stored("hue") == runs_of([NOON])


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"in hand yesterday\n",
        b"\xff\xfein hand",
        b"in hand 2026-03-01T12:00:00\n",
        b"in hand 2026-03-01T12:00:00+00:00",
        b"not stored 2026-03-01T12:00:00+00:00\n",
        b"not stored 2026-03-01T12:00:00+00:00 2026-03-01T12:10:00+00:00 3",
        b"not stored 2026-03-01T12:00:00+00:00 2026-03-01T12:10:00+00:00 often\n",
    ],
)
def test_unreadable_note_is_ignored(make_locks: MakeLocks, tmp_path: Path, note: bytes) -> None:
    (tmp_path / "hue.lock").write_bytes(b"process 1\n" + note)
    locks = make_locks()
    locks.acquire("hue")
    assert (locks.interrupted("hue"), locks.not_stored("hue")) == (set(), ())
    assert (tmp_path / "hue.lock").read_text().rstrip("\n") == f"process {os.getpid()}"


def test_checking_whether_a_source_is_held_rejects_no_collector(
    make_locks: MakeLocks, tmp_path: Path
) -> None:
    (tmp_path / "hue.lock").touch()
    descriptor = os.open(tmp_path / "hue.lock", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    checking = threading.Timer(0.005, os.close, [descriptor])
    checking.start()
    make_locks().acquire("hue")
    checking.join()


def _in_memory(_: Path) -> tuple[UpkeepLease, UpkeepLease]:
    first = MemoryUpkeepLease()
    return first, MemoryUpkeepLease(first)


def _in_a_file(folder: Path) -> tuple[UpkeepLease, UpkeepLease]:
    return UpkeepLock(folder / "upkeep.lock"), UpkeepLock(folder / "upkeep.lock")


@pytest.mark.parametrize("make", [_in_memory, _in_a_file])
def test_only_one_process_has_the_upkeep_lease(
    make: Callable[[Path], tuple[UpkeepLease, UpkeepLease]], tmp_path: Path
) -> None:
    first, second = make(tmp_path)
    assert first.acquire()
    assert first.acquire()
    assert not second.acquire()
    first.release()
    first.release()
    assert second.acquire()
    second.release()


def test_upkeep_lease_is_not_acquired_without_a_file(tmp_path: Path) -> None:
    lease = UpkeepLock(tmp_path / "nowhere" / "upkeep.lock")
    assert not lease.acquire()
    exclusive = exclusive_access(SourceLocks(tmp_path / "locks"), frozenset(), lease)
    with pytest.raises(StoreError, match="No such file or directory"), exclusive:
        pass
