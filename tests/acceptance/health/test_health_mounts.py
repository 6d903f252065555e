"""Faults that take another view of the disks, in a namespace of mounts, or a user with fewer rights."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.mount_namespace import filled, in_mounts, read_only, small_disk
from tests.support.sick_homes import SickHome


def asked_with(home: SickHome, mounts: str) -> dict[str, Any]:
    """The document of `health --json`, run where those mounts are made; skips where none can be."""
    return told_by(home, in_mounts(mounts, asking(home)))


def asked_by_anybody(home: SickHome) -> dict[str, Any]:
    """The same, by a user who may do no more than the files' modes say."""
    return told_by(home, [*without_root_s_rights(), *asking(home)])


def asking(home: SickHome) -> list[str]:
    return home.deployment.command("health", "--json", "--home", str(home.deployment.folder))


def without_root_s_rights() -> list[str]:
    """What takes from root the right to pass over files' modes; skips where that cannot be."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root can open any file, and there is no setpriv that takes this from it")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def told_by(home: SickHome, command: list[str]) -> dict[str, Any]:
    deployment = home.deployment
    done = subprocess.run(
        command,
        env=deployment.environment(),
        cwd=deployment.folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["exitCode"] == done.returncode
    return told


def not_well(told: dict[str, Any]) -> dict[str, str]:
    return {
        name: check["status"]
        for name, (check,) in told["checks"].items()
        if check["status"] in ("fail", "warn") and name not in ("sqlite", "environment")
    }


def test_a_database_on_a_read_only_disk_cannot_be_written_to(home: SickHome) -> None:
    told = asked_with(home, read_only(home.data))
    assert (told["exitCode"], not_well(told)) == (2, {"database": "fail"})
    assert re.search("chown|mount", told["checks"]["database"][0]["nextStep"])


def test_a_log_folder_on_a_read_only_disk_cannot_be_written_to(home: SickHome) -> None:
    told = asked_with(home, read_only(home.deployment.folder / "logs"))
    assert (told["exitCode"], not_well(told)) == (1, {"logs": "fail"})


@pytest.mark.proof
def test_a_small_disk_is_nearly_full(home: SickHome) -> None:
    told = asked_with(home, small_disk(home.data, "8m"))
    assert (told["exitCode"], not_well(told)) == (1, {"disk": "fail"})


def test_a_full_disk_is_found(home: SickHome) -> None:
    told = asked_with(home, f"{small_disk(home.data, '2m')}\n{filled(home.data)}")
    assert told["exitCode"] in (1, 2)
    assert not_well(told)["disk"] == "fail"


@pytest.fixture
def closed() -> Iterator[list[tuple[Path, int]]]:
    """Paths with the modes that they get back, so that pytest can remove them."""
    paths: list[tuple[Path, int]] = []
    yield paths
    for path, mode in paths:
        path.chmod(mode)


@pytest.mark.parametrize(
    ("name", "mode", "code", "component"),
    [
        ("config/secrets.yaml", 0o000, 2, "secrets"),
        ("config/config.yaml", 0o000, 2, "configuration"),
        ("data", 0o555, 1, "database"),  # readings go into the log that is there, and nothing else goes
        ("data/readings.db", 0o000, 2, "database"),
        ("data/readings.db", 0o444, 2, "database"),
        ("logs", 0o555, 1, "logs"),
    ],
)
@pytest.mark.proof
def test_what_the_user_may_not_do_is_found(
    home: SickHome, closed: list[tuple[Path, int]], name: str, mode: int, code: int, component: str
) -> None:
    path = home.deployment.folder / name
    closed.append((path, path.stat().st_mode))
    path.chmod(mode)
    told = asked_by_anybody(home)
    assert (told["exitCode"], not_well(told)) == (code, {component: "fail"})
    assert told["checks"][component][0]["nextStep"]


def test_a_folder_that_takes_no_log_is_no_place_to_collect_into(
    home: SickHome, closed: list[tuple[Path, int]]
) -> None:
    for end in ("-wal", "-shm"):
        home.data.joinpath(f"readings.db{end}").unlink(missing_ok=True)
    closed.append((home.data, home.data.stat().st_mode))
    home.data.chmod(0o555)
    told = asked_by_anybody(home)
    assert (told["exitCode"], not_well(told)["database"]) == (2, "fail")
