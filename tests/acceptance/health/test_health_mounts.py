"""Faults that take another view of the disks: read-only folders and a small one, in a namespace of mounts."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

from tests.mount_namespace import filled, in_mounts, read_only, small_disk
from tests.sick_homes import SickHome


def asked_with(home: SickHome, mounts: str) -> dict[str, Any]:
    """The document of `health --json`, run where those mounts are made; skips where none can be."""
    deployment = home.deployment
    command = deployment.command("health", "--json", "--home", str(deployment.folder))
    done = subprocess.run(
        in_mounts(mounts, command),
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


def test_a_small_disk_is_nearly_full(home: SickHome) -> None:
    told = asked_with(home, small_disk(home.data, "8m"))
    assert (told["exitCode"], not_well(told)) == (1, {"disk": "fail"})


def test_a_full_disk_is_found(home: SickHome) -> None:
    told = asked_with(home, f"{small_disk(home.data, '2m')}\n{filled(home.data)}")
    assert told["exitCode"] in (1, 2)
    assert not_well(told)["disk"] == "fail"
