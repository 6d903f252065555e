"""Files that are replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from adapters.files.atomic_write import write_atomically


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    path.write_bytes(b"old")
    return path


def test_a_file_is_made_with_its_content_and_its_permissions(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new.json", b"new", mode=0o600)
    assert (tmp_path / "new.json").read_bytes() == b"new"
    assert mode_of(tmp_path / "new.json") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["new.json"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_the_umask_takes_nothing_away(file: Path, mode: int) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(file, b"new", mode=mode)
    finally:
        os.umask(before)
    assert mode_of(file) == mode


@pytest.mark.parametrize("payload", [b"", b"new", b"x" * 3_000_000])
def test_the_new_content_takes_the_place_of_the_old(file: Path, payload: bytes) -> None:
    write_atomically(file, payload, mode=0o600)
    assert file.read_bytes() == payload


def test_a_secret_file_is_at_no_time_open_to_others(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    fchmod, fsync = os.fchmod, os.fsync

    def look() -> None:
        seen.extend(mode_of(path) for path in file.parent.iterdir() if path != file)

    def look_and_change_mode(descriptor: int, mode: int) -> None:
        look()
        fchmod(descriptor, mode)

    def look_and_sync(descriptor: int) -> None:
        look()
        fsync(descriptor)

    monkeypatch.setattr(os, "fchmod", look_and_change_mode)
    monkeypatch.setattr(os, "fsync", look_and_sync)
    write_atomically(file, b"secret", mode=0o600)
    assert seen == [0o600, 0o600]


@pytest.mark.parametrize("call", ["fchmod", "write", "fsync", "replace"])
def test_whatever_fails_the_old_file_stands_and_nothing_lies_about(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(file, b"new", mode=0o600)
    monkeypatch.undo()
    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_content_and_folder_are_made_durable_around_the_renaming(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def sync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content")
        fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        done.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    write_atomically(file, b"new", mode=0o600)
    assert done == ["content", "name", "folder"]


@pytest.mark.parametrize(
    ("number", "is_told"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)]
)
def test_a_file_system_that_cannot_sync_folders_is_no_trouble_and_a_broken_one_is(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_told: bool
) -> None:
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(OSError, match="error") if is_told else contextlib.nullcontext():
        write_atomically(file, b"new", mode=0o600)
    assert file.read_bytes() == b"new"


def test_a_write_that_takes_only_a_part_is_gone_on_with(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, payload: write(descriptor, payload[:2]))
    write_atomically(file, b"seven b", mode=0o600)
    assert file.read_bytes() == b"seven b"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "gone" / "state.json", b"new", mode=0o600)


def test_a_link_stays_a_link(file: Path) -> None:
    link = file.parent / "elsewhere" / "link.json"
    link.parent.mkdir()
    link.symlink_to(file)
    write_atomically(link, b"new", mode=0o600)
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


def test_a_reader_sees_the_old_content_or_the_new_and_never_a_part(file: Path) -> None:
    contents = {b"a" * 50_000, b"b" * 50_000}
    file.write_bytes(b"a" * 50_000)
    seen: set[bytes] = set()
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            seen.add(file.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        for content in contents:
            write_atomically(file, content, mode=0o600)
    is_over.set()
    reader.join()
    assert seen <= contents
