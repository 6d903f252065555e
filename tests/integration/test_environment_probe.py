"""The Python and its packages, held against a lock file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from adapters.health.machine import environment
from domain.health import Answer, Status

LOCK = """\
attrs==26.1.0 \\
    --hash=sha256:00
ruamel-yaml==0.19.1 \\
    --hash=sha256:00
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:00
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where packages are installed."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    return folder


def asked(site: Path, *installed: str, lock: str | None = LOCK, program: str = "homeclimate") -> Answer:
    for name in installed:
        (site / f"{name}.dist-info").mkdir()
    file = site.parent / "requirements.lock"
    if lock is not None:
        file.write_text(lock)
    return environment(file, program=program, folders=[str(site)])


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="runs in no virtual environment")
def test_packages_as_locked_are_well_however_their_names_are_spelled(site: Path) -> None:
    answer = asked(site, "attrs-26.1.0", "ruamel.yaml-0.19.1")
    assert (answer.status, answer.summary.endswith(", 3 packages as locked")) == (Status.PASS, True)


def test_a_missing_package_is_a_failure_and_one_for_another_system_is_not(site: Path) -> None:
    answer = asked(site, "attrs-26.1.0")
    assert answer.status is Status.FAIL
    assert answer.summary.endswith("packages are missing: ruamel-yaml")
    assert "pip install --require-hashes" in answer.next_step


def test_another_version_is_told_of(site: Path) -> None:
    answer = asked(site, "attrs-25.4.0", "ruamel_yaml-0.19.1", "colorama-0.1")
    assert answer.status is Status.WARN
    assert answer.summary.endswith("attrs 25.4.0 in place of 26.1.0, colorama 0.1 in place of 0.4.6")


def test_in_a_checkout_the_checkout_s_own_command_mends_it(site: Path) -> None:
    assert asked(site, program="./run").next_step.startswith("Run `./run --version`")


def test_many_are_not_all_named(site: Path) -> None:
    lock = "".join(f"package{number}==1.0 \\\n" for number in range(9))
    assert asked(site, lock=lock).summary.endswith("package4 and 4 more")


@pytest.mark.parametrize(("version", "status"), [((3, 10), Status.FAIL), ((3, 15), Status.WARN)])
def test_a_python_that_was_not_tested_is_told_of(
    site: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], status: Status
) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
    assert asked(site, "attrs-26.1.0", "ruamel.yaml-0.19.1").status is status


def test_a_python_of_the_system_is_no_place_for_these_packages(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    answer = asked(site, "attrs-26.1.0", "ruamel.yaml-0.19.1")
    assert (answer.status, "no virtual environment" in answer.summary) == (Status.WARN, True)


def test_without_a_lock_nothing_is_missing(site: Path) -> None:
    assert asked(site, lock=None).status in (Status.PASS, Status.WARN)
