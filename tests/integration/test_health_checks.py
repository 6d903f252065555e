"""The checks of the log folder and of the systemd service."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from adapters.health import probes
from adapters.health.probes import check_log_folder, check_service
from adapters.log.rotating_log import RotatingLog
from adapters.memory.runtime import MemoryClock
from domain.health.report import Answer, Status
from tests.support.builders import NOON

LIMITS = {"max_bytes": 10_000_000, "backups": 5, "limit_bytes": 60_000_000}
UNIT = "[Service]\nExecStart=/opt/homeclimate/run collect\n"


def log_in(folder: Path) -> RotatingLog:
    return RotatingLog(folder, redact=str, clock=MemoryClock(NOON))


def test_log_folder_is_writable_if_it_can_be_created(tmp_path: Path) -> None:
    assert log_in(tmp_path / "a" / "logs").problem() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["logs", "logs/homeclimate.log"])
def test_what_is_in_the_place_of_the_log_is_its_problem(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    os.mkfifo(path)
    assert str(path) in str(log_in(tmp_path / "logs").problem())


def test_log_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    answer = check_log_folder(tmp_path, "it is a folder", **LIMITS)
    assert (answer.status, "logging.log_file_path" in answer.next_step) == (Status.FAIL, True)


def test_log_folder_above_its_bound_is_a_failure(tmp_path: Path) -> None:
    with (tmp_path / "old.log").open("wb") as file:
        file.truncate(60_000_000)
    assert check_log_folder(tmp_path, None, **LIMITS).status is Status.PASS
    (tmp_path / "more.log").write_bytes(b"1")
    answer = check_log_folder(tmp_path, None, **LIMITS)
    assert (answer.status, "60 MB" in answer.next_step) == (Status.FAIL, True)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    folder = tmp_path / "units"
    folder.mkdir()
    return folder


def check(units: Path, monkeypatch: pytest.MonkeyPatch, systemctl: str | None = "echo active") -> Answer:
    """Check with a systemctl that is the given shell script, or with none."""
    commands = units.parent / "bin"
    commands.mkdir()
    if systemctl is not None:
        (commands / "systemctl").write_text(f"#!/bin/sh\n{systemctl}\n")
        (commands / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/bin:/usr/bin" if systemctl else str(commands))
    return check_service(units.parent / "home", folders=[units / "none", units])


ONLY_THE_TIMER = '[ "$2" = homeclimate.timer ] && echo active || echo inactive'


@pytest.mark.parametrize(
    ("unit", "systemctl", "status"),
    [
        ("[Service]\nExecStart=/usr/bin/collect --all\n", "echo failed", Status.SKIPPED),
        ("[Service]\nExecStart=/x/run collect --home HOME\n", "echo active", Status.PASS),
        (UNIT.replace("collect", "collect --home /opt/homeclimate/other"), "echo failed", Status.SKIPPED),
        (UNIT.replace("collect", "collect --once") + "Type=oneshot\n", ONLY_THE_TIMER, Status.PASS),
    ],
    ids=["another program", "this home", "another home", "a timer"],
)
def test_unit_that_collects_in_this_home_is_found(
    units: Path, monkeypatch: pytest.MonkeyPatch, unit: str, systemctl: str, status: Status
) -> None:
    (units / "homeclimate.service").write_text(unit.replace("HOME", str(units.parent / "home")))
    assert check(units, monkeypatch, systemctl).status is status


@pytest.mark.parametrize(
    ("systemctl", "status", "step"),
    [
        ("echo active", Status.PASS, ""),
        ("echo activating; exit 3", Status.PASS, ""),
        ("echo inactive; exit 3", Status.FAIL, "Run `systemctl enable --now homeclimate.service`."),
        ("echo failed; exit 3", Status.FAIL, "enable --now"),
        ("exit 4", Status.FAIL, "enable --now"),
        (None, Status.WARN, "Run `systemctl status homeclimate.service`."),
        ("exec sleep 30", Status.WARN, ""),
    ],
)
def test_state_of_the_unit_decides(
    units: Path, monkeypatch: pytest.MonkeyPatch, systemctl: str | None, status: Status, step: str
) -> None:
    if systemctl == "exec sleep 30":
        monkeypatch.setattr(probes, "_SYSTEMCTL_TIMEOUT_S", 0.1)
    (units / "a.service").symlink_to(units / "nowhere")  # unreadable, and skipped
    (units / "homeclimate.service").write_text(UNIT)
    answer = check(units, monkeypatch, systemctl)
    assert (answer.status, step in answer.next_step) == (status, True)


def test_user_unit_is_checked_with_the_user_option(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "UNIT_FOLDERS", (units / "system", units))
    (units / "homeclimate.service").write_text(UNIT)
    answer = check(units, monkeypatch, 'test "$1" = --user && echo inactive')
    assert answer.next_step == "Run `systemctl --user enable --now homeclimate.service`."
    assert answer.summary.endswith("inactive")
