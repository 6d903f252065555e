"""Several files are written, or none."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from adapters.files.atomic_write import NewContent, check_writable, save_together, write_atomically
from domain.errors import HomeclimateError


def new(path: Path, content: str, *, is_secret: bool = False) -> NewContent:
    before = path.read_bytes() if path.exists() else None
    return NewContent(path=path, before=before, content=content.encode(), is_secret=is_secret)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_home_gets_its_files_and_only_the_owner_reads_the_secret(tmp_path: Path) -> None:
    config, secrets = tmp_path / "home" / "config" / "config.yaml", tmp_path / "home" / "config" / "s.yaml"
    save_together([new(secrets, "s", is_secret=True), new(config, "c")])
    assert (config.read_text(), secrets.read_text()) == ("c", "s")
    assert (mode(config), mode(secrets)) == (0o644, 0o600)
    assert {path.name for path in config.parent.iterdir()} == {"config.yaml", "s.yaml"}


def test_a_file_keeps_its_mode_and_a_secret_one_becomes_private(tmp_path: Path) -> None:
    config, secrets = tmp_path / "c", tmp_path / "s"
    for path in (config, secrets):
        path.write_text("old")
        path.chmod(0o640)
    save_together([new(secrets, "s", is_secret=True), new(config, "c")])
    assert (mode(config), mode(secrets)) == (0o640, 0o600)


def test_when_one_cannot_be_written_the_others_are_as_they_were(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("old")
    first.chmod(0o644)
    (tmp_path / "file").touch()
    with pytest.raises(HomeclimateError, match=r"nothing is saved: cannot write .*below"):
        save_together(
            [
                new(first, "new", is_secret=True),
                new(second, "new"),
                NewContent(path=tmp_path / "file" / "below", before=None, content=b"new"),
            ]
        )
    assert first.read_text() == "old"
    assert mode(first) == 0o644
    assert not second.exists()


def test_a_file_that_somebody_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    second.write_text("old")
    contents = [new(first, "new"), new(second, "new")]
    second.write_text("edited by hand")
    with pytest.raises(HomeclimateError, match="changed meanwhile"):
        save_together(contents)
    assert second.read_text() == "edited by hand"
    assert not first.exists()


def test_ctrl_c_waits_until_both_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path, payload: bytes, *, mode: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        write_atomically(path, payload, mode=mode)

    monkeypatch.setattr("adapters.files.atomic_write.write_atomically", interrupted)
    first, second = tmp_path / "first", tmp_path / "second"
    with pytest.raises(KeyboardInterrupt):
        save_together([new(first, "new"), new(second, "new")])
    assert (first.read_text(), second.read_text()) == ("new", "new")


def test_a_folder_that_can_be_made_is_good_enough(tmp_path: Path) -> None:
    check_writable(tmp_path / "home" / "config")
    assert list(tmp_path.iterdir()) == []


def test_a_place_where_nothing_can_be_written_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(HomeclimateError, match="cannot write into"):
        check_writable(tmp_path / "home" / "config")
