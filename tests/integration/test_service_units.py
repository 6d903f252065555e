"""A service that is installed should run."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.health import probes as service_units
from adapters.health.probes import service
from domain.health import Answer, Status

UNIT = "[Service]\nExecStart=/opt/homeclimate/run collect\n"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    folder = tmp_path / "units"
    folder.mkdir()
    return folder


def asked(units: Path, monkeypatch: pytest.MonkeyPatch, systemctl: str | None = "echo active") -> Answer:
    """With a systemctl of the test's own, or none."""
    commands = units.parent / "bin"
    commands.mkdir()
    if systemctl is not None:
        (commands / "systemctl").write_text(f"#!/bin/sh\n{systemctl}\n")
        (commands / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:/bin:/usr/bin" if systemctl else str(commands))
    return service(units.parent / "home", folders=[units / "none", units])


def test_without_a_unit_there_is_nothing_to_look_at(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (units / "other.service").write_text("[Service]\nExecStart=/usr/bin/collect --all\n")
    assert asked(units, monkeypatch).status is Status.SKIPPED


def test_a_unit_of_the_home_is_known_by_what_it_starts(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (units / "air.service").write_text(
        f"[Service]\nExecStart=/x/run collect --home {units.parent / 'home'}\n"
    )
    assert asked(units, monkeypatch).status is Status.PASS


def test_a_unit_of_another_home_is_none_of_ours(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (units / "other.service").write_text(UNIT.replace("collect", "collect --home /opt/homeclimate/other"))
    assert asked(units, monkeypatch, "echo failed; exit 3").status is Status.SKIPPED


def test_of_a_one_shot_the_timer_is_asked(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (units / "homeclimate.service").write_text(UNIT.replace("collect", "collect --once") + "Type=oneshot\n")
    only_the_timer = '[ "$2" = homeclimate.timer ] && echo active || echo inactive'
    assert asked(units, monkeypatch, only_the_timer).status is Status.PASS


@pytest.mark.parametrize(
    ("systemctl", "status", "step"),
    [
        ("echo active", Status.PASS, ""),
        ("echo activating; exit 3", Status.PASS, ""),
        ("echo inactive; exit 3", Status.FAIL, "Run `systemctl enable --now homeclimate.service`."),
        ("echo failed; exit 3", Status.FAIL, "enable --now"),
        ("exit 4", Status.FAIL, "enable --now"),
        (None, Status.WARN, "Run `systemctl status homeclimate.service`."),
    ],
)
def test_what_systemd_says_of_it_is_told(
    units: Path, monkeypatch: pytest.MonkeyPatch, systemctl: str | None, status: Status, step: str
) -> None:
    (units / "homeclimate.service").write_text(UNIT)
    answer = asked(units, monkeypatch, systemctl)
    assert (answer.status, step in answer.next_step) == (status, True)


def test_a_systemd_that_hangs_is_not_waited_for(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_units, "_LIMIT_S", 0.1)
    (units / "homeclimate.service").write_text(UNIT)
    assert asked(units, monkeypatch, "exec sleep 30").status is Status.WARN


def test_a_unit_that_cannot_be_read_is_passed_over(units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (units / "a.service").symlink_to(units / "nowhere")
    (units / "homeclimate.service").write_text(UNIT)
    assert asked(units, monkeypatch).status is Status.PASS


def test_a_unit_of_the_user_is_asked_of_the_user_s_systemd(
    units: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_units, "UNIT_FOLDERS", (units / "system", units))
    (units / "homeclimate.service").write_text(UNIT)
    answer = asked(units, monkeypatch, 'test "$1" = --user && echo inactive')
    assert answer.next_step == "Run `systemctl --user enable --now homeclimate.service`."
    assert answer.summary.endswith("inactive")
