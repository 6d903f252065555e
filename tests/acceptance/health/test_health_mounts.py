"""Faults that need other mounts, or a user with fewer rights: each in a process of its own."""

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

from tests.support.namespaces import filled, in_mounts, read_only, small_disk
from tests.support.sick_homes import SickHome, not_passed


def check_with_mounts(home: SickHome, mounts: str) -> dict[str, Any]:
    """Run `health --json` with those mounts; skip where mounts cannot be made."""
    return run_json(home, in_mounts(mounts, command_of(home)))


def check_without_root(home: SickHome) -> dict[str, Any]:
    """Run `health --json` as a user who is bound by file modes; skip where that is impossible."""
    if os.getuid() != 0:
        return run_json(home, command_of(home))
    if shutil.which("setpriv") is None:
        pytest.skip("root can open any file, and there is no setpriv to prevent it")
    command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command_of(home)]
    return run_json(home, command)


def command_of(home: SickHome) -> list[str]:
    return home.deployment.command("health", "--offline", "--json", "--home", str(home.folder))


def run_json(home: SickHome, command: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        command,
        env=home.deployment.environment(),
        cwd=home.folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.stderr == ""
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["exitCode"] == done.returncode
    return report


def test_database_on_a_read_only_disk_is_a_failure(home: SickHome) -> None:
    report = check_with_mounts(home, read_only(home.data))
    assert (report["exitCode"], not_passed(report)) == (2, {"database": "fail"})
    assert re.search("chown|mount", report["checks"]["database"][0]["nextStep"])


def test_log_folder_on_a_read_only_disk_is_a_failure(home: SickHome) -> None:
    report = check_with_mounts(home, read_only(home.folder / "logs"))
    assert (report["exitCode"], not_passed(report)) == (1, {"logs": "fail"})


def test_full_disk_is_a_failure(home: SickHome) -> None:
    report = check_with_mounts(home, f"{small_disk(home.data, '2m')}\n{filled(home.data)}")
    assert report["exitCode"] in (1, 2)
    assert not_passed(report)["disk"] == "fail"


@pytest.fixture
def closed() -> Iterator[list[tuple[Path, int]]]:
    """Paths and the modes that are restored, so that pytest can remove them."""
    paths: list[tuple[Path, int]] = []
    yield paths
    for path, mode in paths:
        path.chmod(mode)


@pytest.mark.parametrize(
    ("name", "mode", "code", "component"),
    [
        ("config/secrets.yaml", 0o000, 2, "secrets"),
        ("config/config.yaml", 0o000, 2, "configuration"),
        ("data", 0o555, 1, "database"),  # the existing log takes readings, but no other file can be created
        ("data/readings.db", 0o000, 2, "database"),
        ("data/readings.db", 0o444, 2, "database"),
        ("logs", 0o555, 1, "logs"),
    ],
)
@pytest.mark.proof
def test_missing_permission_is_a_failure(
    home: SickHome, closed: list[tuple[Path, int]], name: str, mode: int, code: int, component: str
) -> None:
    path = home.folder / name
    closed.append((path, path.stat().st_mode))
    path.chmod(mode)
    report = check_without_root(home)
    assert (report["exitCode"], not_passed(report)) == (code, {component: "fail"})
    assert report["checks"][component][0]["nextStep"]


def test_folder_that_takes_no_write_ahead_log_is_a_failure(
    home: SickHome, closed: list[tuple[Path, int]]
) -> None:
    for end in ("-wal", "-shm"):
        home.data.joinpath(f"readings.db{end}").unlink(missing_ok=True)
    closed.append((home.data, home.data.stat().st_mode))
    home.data.chmod(0o555)
    report = check_without_root(home)
    assert (report["exitCode"], not_passed(report)["database"]) == (2, "fail")
