"""What root makes in a home of another user can be used by that user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.files.regular_file import make_folder, open_regular
from tests.support.deployments import Deployment

OWNER = 1234

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def test_a_first_run_as_root_leaves_nothing_of_root(deployment: Deployment) -> None:
    home = deployment.folder
    for path in (home, *home.rglob("*")):
        os.chown(path, OWNER, OWNER)
    for command in (("collect", "--once"), ("collect", "--cycles", "1"), ("backup", str(home / "copy.db"))):
        assert deployment.run(*command).returncode == 0
    made = set(home.rglob("*"))
    assert {path.name for path in made} >= {
        "readings.db",
        "state.json",
        "hue.lock",
        "homeclimate.log",
        "home.json",
    }
    assert {str(path) for path in made if path.stat().st_uid != OWNER} == set()


def test_a_home_of_root_stays_one(deployment: Deployment) -> None:
    assert deployment.run("collect", "--once").returncode == 0
    assert {path.stat().st_uid for path in deployment.folder.rglob("*")} == {0}


@pytest.mark.parametrize("makes_link", [False, True])
def test_a_file_that_was_there_is_not_given_away(tmp_path: Path, *, makes_link: bool) -> None:
    folder, target = tmp_path / "folder", tmp_path / "precious"
    folder.mkdir()
    os.chown(folder, OWNER, OWNER)
    target.write_text("of root")
    path = folder / "log"
    path.symlink_to(target) if makes_link else target.rename(path)
    os.close(open_regular(path, os.O_WRONLY | os.O_CREAT))
    assert path.stat().st_uid == 0


def test_folders_that_are_made_belong_to_the_owner_above(tmp_path: Path) -> None:
    os.chown(tmp_path, OWNER, OWNER)
    make_folder(tmp_path / "a" / "b")
    assert [path.stat().st_uid for path in (tmp_path / "a", tmp_path / "a" / "b")] == [OWNER, OWNER]


def test_folder_is_for_owner_and_group(tmp_path: Path) -> None:
    make_folder(tmp_path / "data" / "locks")
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in ("data", "data/locks")} == {0o750}
