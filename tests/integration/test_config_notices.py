"""Notices on a configuration are reported once a home and version; faults are at every start."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.loading import load
from entrypoints.wiring import notices
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import home_of
from entrypoints.wiring.notices import new_warnings, remember_notices
from tests.support.config_homes import loaded

CONFIG = "collectors: {hue: {auto_discover: yes}, nest: {enabled: yes}}\nbanana: 3\n"
SECRETS = "hue: {api_key: made-up-hue-key}\n"


def _start(home: Path) -> list[str]:
    """Return what a collector reports at its start, and do what it does once it has its database."""
    found = load(home)
    reported = list(new_warnings(found, Environment()))
    (home / "data").mkdir(exist_ok=True)
    remember_notices(home_of(found))
    return reported


def test_notices_are_reported_once(tmp_path: Path) -> None:
    loaded(tmp_path, CONFIG, SECRETS)
    assert len(_start(tmp_path)) == 2
    assert _start(tmp_path) == []


def test_notices_are_reported_again_by_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded(tmp_path, CONFIG, SECRETS)
    _start(tmp_path)
    monkeypatch.setattr(notices, "__version__", "0.2.0")
    assert len(_start(tmp_path)) == 2
    assert _start(tmp_path) == []


def test_new_notice_is_reported_alone(tmp_path: Path) -> None:
    loaded(tmp_path, CONFIG, SECRETS)
    _start(tmp_path)
    loaded(tmp_path, f"{CONFIG}cherry: 4\n", SECRETS)
    (reported,) = _start(tmp_path)
    assert "cherry: unknown key, ignored" in reported


def test_home_that_moved_reports_nothing_again(tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    loaded(home, CONFIG, SECRETS)
    _start(home)
    assert _start(home.rename(tmp_path / "moved")) == []


def test_fault_that_a_person_must_correct_is_reported_at_every_start(tmp_path: Path) -> None:
    loaded(tmp_path, "collectors: {hue: {enabled: yes}, amazon_aqm: {enabled: yes}}", SECRETS)
    assert [len(_start(tmp_path)) for _ in range(2)] == [1, 1]
