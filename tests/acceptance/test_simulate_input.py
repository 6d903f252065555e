"""`homeclimate simulate` says at once what it cannot begin with."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from entrypoints import exit_codes
from entrypoints.cli import main


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--days", "0"], exit_codes.USAGE, "0.0 is not in the range"),
        (["--days", "nan"], exit_codes.USAGE, "it is not a number"),
        (["--home", "file"], exit_codes.USAGE, "is a file"),
        (["--home", "full"], exit_codes.CONFIGURATION, "full is not empty. Name an empty folder"),
        (["--home", "file/under"], exit_codes.FAILED, "file/under: Not a directory"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    code: int,
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "full" / "something").mkdir(parents=True)
    assert (main(["simulate", *options]), text in capsys.readouterr().err) == (code, True)


def test_a_full_disk_is_not_called_a_broken_promise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000_000))
    code = main(["simulate", "--home", str(tmp_path / "new"), "--days", "2"])
    assert code == exit_codes.CONFIGURATION
    assert f"{tmp_path} has 10 MB free, and 2 simulated days need 410 MB." in capsys.readouterr().err
