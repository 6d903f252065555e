"""One collector a source."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from adapters.files.locks import SourceLocks
from domain.errors import HomeclimateError, SourceLocked
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


def test_a_second_collector_of_the_source_is_told_who_holds_it(tmp_path: Path) -> None:
    first, second = SourceLocks(tmp_path), SourceLocks(tmp_path)
    first.acquire("hue")
    with pytest.raises(SourceLocked, match=f"hue is held by process {os.getpid()} "):
        second.acquire("hue")
    first.close()


def test_sources_do_not_stand_in_each_other_s_way(tmp_path: Path) -> None:
    first, second = SourceLocks(tmp_path), SourceLocks(tmp_path)
    first.acquire("hue")
    second.acquire("amazon")
    first.close()
    second.close()


def test_a_source_that_was_let_go_of_can_be_had(tmp_path: Path) -> None:
    first, second = SourceLocks(tmp_path), SourceLocks(tmp_path)
    first.acquire("hue")
    first.acquire("amazon")
    first.release("hue")
    second.acquire("hue")
    with pytest.raises(SourceLocked):
        second.acquire("amazon")
    first.close()
    second.acquire("amazon")
    second.close()


def test_to_hold_twice_is_to_hold_once(tmp_path: Path) -> None:
    locks = SourceLocks(tmp_path)
    locks.acquire("hue")
    locks.acquire("hue")
    locks.release("hue")
    locks.release("hue")
    other = SourceLocks(tmp_path)
    other.acquire("hue")
    other.close()
    locks.close()


def test_a_killed_collector_holds_nothing(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        locks = SourceLocks(tmp_path)
        with pytest.raises(SourceLocked, match=f"process {holder.pid} "):
            locks.acquire("hue")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        locks.acquire("hue")
        locks.close()


@pytest.mark.parametrize("source", ["hue:00:17/88", "../escaped", "Küche", "."])
def test_any_name_of_a_source_makes_a_file_in_the_folder(tmp_path: Path, source: str) -> None:
    locks = SourceLocks(tmp_path / "locks")
    locks.acquire(source)
    assert len(list((tmp_path / "locks").iterdir())) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "locks"]
    locks.close()


def test_a_lock_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file in its place")
    with pytest.raises(HomeclimateError, match="cannot lock hue") as raised:
        SourceLocks(tmp_path / "locks").acquire("hue")
    assert not isinstance(raised.value, SourceLocked)


def test_a_file_system_without_locks_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(HomeclimateError, match=r"cannot lock hue: .*No locks available"):
        SourceLocks(tmp_path).acquire("hue")


def test_a_file_that_was_left_behind_locks_nothing(tmp_path: Path) -> None:
    (tmp_path / "hue.lock").write_text("process 1\n")
    locks = SourceLocks(tmp_path)
    locks.acquire("hue")
    assert (tmp_path / "hue.lock").read_text() == f"process {os.getpid()}\n"
    locks.close()


def test_a_killed_collector_leaves_the_slot_that_it_had_in_hand_to_whoever_comes_next(tmp_path: Path) -> None:
    for hour in (1, 2):  # the second one is killed before it has told anybody of the first one's
        locks = SourceLocks(tmp_path)
        locks.acquire("hue")
        locks.begin("hue", NOON.replace(hour=hour))
        locks.close()  # as the kernel does it: without letting go of the slot
    last = SourceLocks(tmp_path)
    last.acquire("hue")
    assert last.interrupted("hue") == {NOON.replace(hour=1), NOON.replace(hour=2)}
    last.begin("hue", NOON)
    last.finish("hue")
    assert (tmp_path / "hue.lock").read_text() == f"process {os.getpid()}\n"
    last.close()


def test_a_collector_that_ended_between_cycles_leaves_nothing_in_hand(tmp_path: Path) -> None:
    locks = SourceLocks(tmp_path)
    locks.acquire("hue")
    locks.begin("hue", NOON)
    locks.finish("hue")
    locks.close()
    after = SourceLocks(tmp_path)
    after.acquire("hue")
    assert after.interrupted("hue") == set()
    after.close()


@pytest.mark.parametrize(
    "noted", [b"in hand yesterday\n", b"\xff\xfein hand", b"in hand 2026-03-01T12:00:00\n"]
)
def test_a_note_that_cannot_be_read_says_nothing(tmp_path: Path, noted: bytes) -> None:
    (tmp_path / "hue.lock").write_bytes(b"process 1\n" + noted)
    locks = SourceLocks(tmp_path)
    locks.acquire("hue")
    assert locks.interrupted("hue") == set()
    locks.close()


def test_who_only_looks_whether_a_source_is_held_refuses_nobody(tmp_path: Path) -> None:
    locks = SourceLocks(tmp_path)
    locks.acquire("hue")
    locks.close()
    descriptor = os.open(tmp_path / "hue.lock", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    looking = threading.Timer(0.005, os.close, [descriptor])
    looking.start()
    locks.acquire("hue")
    looking.join()
    locks.close()
