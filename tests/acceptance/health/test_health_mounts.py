"""Faults that take another view of the disks: read-only folders and a small one, in a namespace of mounts."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.sick_homes import SickHome


def asked_with(home: SickHome, mounts: str) -> dict[str, Any]:
    """The document of `health --json`, run where those mounts are made; skips where none can be."""
    unshare = shutil.which("unshare")
    if unshare is None or os.getuid() != 0:
        pytest.skip("mounts need unshare, and root")
    deployment = home.deployment
    probe = subprocess.run([unshare, "--mount", "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("no namespace of mounts can be made here")
    command = shlex.join(deployment.command("health", "--json", "--home", str(deployment.folder)))
    done = subprocess.run(
        [unshare, "--mount", "sh", "-e", "-c", f"{mounts}\nexec {command}"],
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


def read_only(folder: Path) -> str:
    named = shlex.quote(str(folder))
    return f"mount --bind {named} {named}\nmount -o remount,bind,ro {named}"


def test_a_database_on_a_read_only_disk_cannot_be_written_to(home: SickHome) -> None:
    told = asked_with(home, read_only(home.data))
    assert (told["exitCode"], not_well(told)) == (2, {"database": "fail"})
    assert re.search("chown|mount", told["checks"]["database"][0]["nextStep"])


def test_a_log_folder_on_a_read_only_disk_cannot_be_written_to(home: SickHome) -> None:
    told = asked_with(home, read_only(home.deployment.folder / "logs"))
    assert (told["exitCode"], not_well(told)) == (1, {"logs": "fail"})


def test_a_small_disk_is_nearly_full(home: SickHome) -> None:
    data, kept = shlex.quote(str(home.data)), shlex.quote(str(home.data) + "-kept")
    mounts = f"mv {data} {kept}\nmkdir {data}\nmount -t tmpfs -o size=8m tmpfs {data}\ncp -a {kept}/. {data}"
    told = asked_with(home, mounts)
    assert (told["exitCode"], not_well(told)) == (1, {"disk": "fail"})


def test_a_full_disk_takes_no_reading(home: SickHome) -> None:
    data, kept = shlex.quote(str(home.data)), shlex.quote(str(home.data) + "-kept")
    told = asked_with(
        home,
        f"mv {data} {kept}\nmkdir {data}\nmount -t tmpfs -o size=2m tmpfs {data}\ncp -a {kept}/. {data}\n"
        f"dd if=/dev/zero of={data}/ballast bs=4096 2>/dev/null || true",
    )
    assert told["exitCode"] in (1, 2)
    assert not_well(told)["disk"] == "fail"
