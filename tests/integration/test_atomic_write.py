"""Files are replaced atomically and durably, one or several together."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from adapters.files.atomic_write import NewContent, check_writable, save_together, write_atomically, write_zip
from domain.errors import HomeclimateError


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "state.json"
    path.write_bytes(b"old")
    return path


@pytest.mark.parametrize("mode", [0o600, 0o664])
@pytest.mark.parametrize("payload", [b"", b"x" * 3_000_000])
@pytest.mark.parametrize("name", ["state.json", "new.json"])
def test_file_gets_content_and_mode_whatever_the_umask(
    file: Path, name: str, payload: bytes, mode: int
) -> None:
    path = file.with_name(name)
    before = os.umask(0o077)
    try:
        write_atomically(path, payload, mode=mode)
    finally:
        os.umask(before)
    assert (path.read_bytes(), mode_of(path)) == (payload, mode)
    assert {one.name for one in file.parent.iterdir()} == {"state.json", name}


def test_secret_content_is_never_readable_by_others(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_failed_write_leaves_the_old_file_and_no_other(
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


def test_content_is_synced_before_the_rename_and_the_folder_after(
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
    ("number", "is_raised"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)]
)
def test_folder_sync_may_be_unsupported_but_must_not_fail(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_raised: bool
) -> None:
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(OSError, match="error") if is_raised else contextlib.nullcontext():
        write_atomically(file, b"new", mode=0o600)
    assert file.read_bytes() == b"new"


def test_partial_write_is_continued(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, payload: write(descriptor, payload[:2]))
    write_atomically(file, b"seven b", mode=0o600)
    assert file.read_bytes() == b"seven b"


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "gone" / "state.json", b"new", mode=0o600)


def test_link_stays_a_link_to_the_new_content(file: Path) -> None:
    link = file.parent / "elsewhere" / "link.json"
    link.parent.mkdir()
    link.symlink_to(file)
    write_atomically(link, b"new", mode=0o600)
    assert link.is_symlink()
    assert file.read_bytes() == b"new"


def test_readers_never_see_a_part(file: Path) -> None:
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


def new(path: Path, content: str, *, is_secret: bool = False) -> NewContent:
    before = path.read_bytes() if path.exists() else None
    return NewContent(path=path, before=before, content=content.encode(), is_secret=is_secret)


def test_new_home_gets_its_files_and_secrets_are_private(tmp_path: Path) -> None:
    config, secrets = tmp_path / "home" / "config" / "config.yaml", tmp_path / "home" / "config" / "s.yaml"
    save_together([new(secrets, "s", is_secret=True), new(config, "c")])
    assert (config.read_text(), secrets.read_text()) == ("c", "s")
    assert (mode_of(config), mode_of(secrets)) == (0o644, 0o600)
    assert {path.name for path in config.parent.iterdir()} == {"config.yaml", "s.yaml"}


def test_existing_file_keeps_its_mode_unless_it_is_secret(tmp_path: Path) -> None:
    config, secrets = tmp_path / "c", tmp_path / "s"
    for path in (config, secrets):
        path.write_text("old")
        path.chmod(0o640)
    save_together([new(secrets, "s", is_secret=True), new(config, "c")])
    assert (mode_of(config), mode_of(secrets)) == (0o640, 0o600)


def test_link_to_nothing_is_not_followed(tmp_path: Path) -> None:
    link = tmp_path / "secrets.yaml"
    link.symlink_to(tmp_path / "nothing")
    with pytest.raises(HomeclimateError, match="link to nothing"):
        save_together([NewContent(path=link, before=None, content=b"new")])
    with pytest.raises(FileExistsError):
        write_zip(link, {"a": "b"})
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_has_its_owner_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("old")
    os.chown(tmp_path, 1234, 1234)
    os.chown(file, 4321, 4321)
    owners: list[int] = []
    replace = os.replace

    def note_owner(source: Path, target: Path) -> None:
        owners.append(source.stat().st_uid)
        replace(source, target)

    monkeypatch.setattr(os, "replace", note_owner)
    save_together([new(file, "new")])
    assert (owners, file.stat().st_uid, file.read_text()) == ([4321], 4321, "new")


def test_if_one_file_fails_the_others_are_restored(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("old")
    first.chmod(0o644)
    (tmp_path / "file").touch()
    impossible = NewContent(path=tmp_path / "file" / "below", before=None, content=b"new")
    with pytest.raises(HomeclimateError, match=r"nothing was saved: cannot write .*below"):
        save_together([new(first, "new", is_secret=True), new(second, "new"), impossible])
    assert (first.read_text(), mode_of(first)) == ("old", 0o644)
    assert not second.exists()


def test_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    second.write_text("old")
    contents = [new(first, "new"), new(second, "new")]
    second.write_text("edited by hand")
    with pytest.raises(HomeclimateError, match="changed meanwhile"):
        save_together(contents)
    assert second.read_text() == "edited by hand"
    assert not first.exists()


def test_ctrl_c_waits_until_all_files_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, payload: bytes, **options: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        write_atomically(path, payload, **options)

    monkeypatch.setattr("adapters.files.atomic_write.write_atomically", interrupted)
    first, second = tmp_path / "first", tmp_path / "second"
    with pytest.raises(KeyboardInterrupt):
        save_together([new(first, "new"), new(second, "new")])
    assert (first.read_text(), second.read_text()) == ("new", "new")


def test_folder_is_writable_if_it_can_be_created(tmp_path: Path) -> None:
    check_writable(tmp_path / "home" / "config")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(HomeclimateError, match="cannot write to"):
        check_writable(tmp_path / "file" / "config")
