"""The Python environment, the age of files and of this process."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.health.machine import DiskSpace, check_environment, newest_at
from domain.health.report import Answer, Status

CHECKOUT = Path(__file__).parents[2]
LOCK = """\
attrs==26.1.0 \\
    --hash=sha256:00
ruamel-yaml==0.19.1 \\
    --hash=sha256:00
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:00
"""
AS_LOCKED = ("attrs-26.1.0", "ruamel.yaml-0.19.1")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages, in a virtual environment."""
    monkeypatch.setattr(sys, "base_prefix", "/elsewhere")
    folder = tmp_path / "site-packages"
    folder.mkdir()
    return folder


def check(site: Path, *installed: str, lock: str | None = LOCK, is_checkout: bool = False) -> Answer:
    for name in installed:
        (site / f"{name}.dist-info").mkdir()
    file = site.parent / "requirements.lock"
    if lock is not None:
        file.write_text(lock)
    return check_environment(file, is_checkout=is_checkout, folders=[str(site)])


@pytest.mark.parametrize(
    ("installed", "status", "end"),
    [
        (AS_LOCKED, Status.PASS, ", 3 packages as locked"),
        (("attrs-26.1.0",), Status.FAIL, "packages are missing: ruamel-yaml"),
        (
            ("attrs-25.4.0", "ruamel_yaml-0.19.1", "colorama-0.1"),
            Status.WARN,
            "attrs 25.4.0 instead of 26.1.0, colorama 0.1 instead of 0.4.6",
        ),
    ],
)
def test_installed_packages_are_compared_with_the_lock(
    site: Path, installed: tuple[str, ...], status: Status, end: str
) -> None:
    answer = check(site, *installed)
    assert (answer.status, answer.summary.endswith(end)) == (status, True)
    assert ("pip install --require-hashes" in answer.next_step) == (status is not Status.PASS)


def test_checkout_installs_packages_with_its_own_command(site: Path) -> None:
    assert check(site, is_checkout=True).next_step.startswith("Run `homeclimate --version`")


def test_only_five_packages_are_named(site: Path) -> None:
    lock = "".join(f"package{number}==1.0 \\\n" for number in range(9))
    assert check(site, lock=lock).summary.endswith("package4 and 4 more")


@pytest.mark.parametrize(("version", "status"), [((3, 10), Status.FAIL), ((3, 15), Status.WARN)])
def test_untested_python_is_reported(
    site: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], status: Status
) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    assert check(site, *AS_LOCKED).status is status


def test_system_python_is_a_warning(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    answer = check(site, *AS_LOCKED)
    assert (answer.status, "not a virtual environment" in answer.summary) == (Status.WARN, True)


def test_without_a_lock_no_package_is_missing(site: Path) -> None:
    assert check(site, lock=None).status is Status.PASS


def test_free_space_of_a_missing_folder_is_that_of_its_parent(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path, tmp_path / "none" / "data", tmp_path / "file" / "data"):
        assert DiskSpace(folder).free_bytes()


def test_newest_file_is_found_by_pattern_or_name(tmp_path: Path) -> None:
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    assert newest_at([tmp_path / "none", tmp_path], "**/*.py") is None
    for name, at in (("a.py", old), ("deep/b.py", new), ("deep/c.pyc", datetime(2026, 4, 1, tzinfo=UTC))):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (at.timestamp(), at.timestamp()))
    assert newest_at([tmp_path], "**/*.py") == new
    assert newest_at([tmp_path / "a.py"], "**/*.py") == old
    assert newest_at([tmp_path / "a.py", tmp_path / "deep"], "**/*.py") == new


def test_age_of_the_process_includes_its_start() -> None:
    code = (
        "import time; time.sleep(0.3); from entrypoints.process import process_age_s; print(process_age_s())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    assert 0.25 < float(done.stdout) < 60
