"""What is built from a checkout is the program with its data, and nothing of the home that lives in it.

The wheel is built offline by hatchling and installed into a fresh environment. Of third-party packages that
environment sees only those that requirements.lock pins, as links into the running one: fast and without a
network, and yet a package that is used but not asked for is missing there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LOCK = "requirements.lock"  # the wheel has it too, for the health check
PACKAGES = ["domain", "ports", "adapters", "entrypoints", "config"]
OF_A_HOME = [
    "config/config.yaml",
    "config/config.prod.yaml",
    "config/secrets.yaml",
    "config/secrets.prod.yaml",
    "config/secrets.yaml.bak",
    "config/secrets.yaml~",
    "config/config.yml",
    "data/readings.db",
    "logs/collect.log",
    "var/demo/config/secrets.yaml",
]


@pytest.fixture(scope="module", params=["a git checkout", "a folder without git"])
def copy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout with a home in it. Without git nothing but pyproject.toml says what is left out."""
    folder = tmp_path_factory.mktemp("copy") / "homeclimate"
    folder.mkdir()
    for file in ["pyproject.toml", "README.md", "run", LOCK]:
        shutil.copy(CHECKOUT / file, folder)
    for package in PACKAGES:
        left_out = shutil.ignore_patterns("__pycache__", *(Path(file).name for file in OF_A_HOME))
        shutil.copytree(CHECKOUT / package, folder / package, ignore=left_out)
    if request.param == "a git checkout":
        shutil.copy(CHECKOUT / ".gitignore", folder)
        run("git", "init", "--quiet", folder)
    (folder / "config" / "secrets.example.yaml").touch()
    for name in OF_A_HOME:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("password: a made-up one\n")
    return folder


@pytest.fixture(scope="module")
def dist(copy: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", cwd=copy)
    return copy / "dist"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment's folder of commands, with the wheel of this checkout in it."""
    folder = tmp_path_factory.mktemp("installed")
    wheel = build_from(CHECKOUT, folder)
    run(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    link_runtime_packages(Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")))
    run(python, "-m", "pip", "install", "--no-index", "--no-deps", wheel)
    run(python, "-m", "pip", "check")
    return python.parent


def test_the_wheel_has_all_package_files_and_no_home_files(copy: Path, dist: Path) -> None:
    expected = files_below(copy, PACKAGES) - set(OF_A_HOME) | {f"config/{LOCK}"}
    assert {name for name in names_in_wheel(dist) if ".dist-info/" not in name} == expected


def test_the_source_distribution_has_no_home_files(dist: Path) -> None:
    names = names_in_source_distribution(dist)
    assert names.isdisjoint(OF_A_HOME)
    assert {"pyproject.toml", "README.md", "run"} <= names


@pytest.mark.proof
def test_a_wheel_built_from_the_source_distribution_is_the_same(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(only(dist.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    rebuilt = build_from(only(tmp_path.iterdir()), tmp_path / "dist")
    assert names_in_wheel(rebuilt.parent) == names_in_wheel(dist)


def test_git_ignores_the_files_of_a_home(tmp_path: Path) -> None:
    shutil.copy(CHECKOUT / ".gitignore", tmp_path)
    run("git", "init", "--quiet", tmp_path)
    ignored = run("git", "check-ignore", *OF_A_HOME, "data/", "logs/", "var/", cwd=tmp_path).splitlines()
    assert ignored == [*OF_A_HOME, "data/", "logs/", "var/"]


def test_git_keeps_the_example_of_secrets(tmp_path: Path) -> None:
    shutil.copy(CHECKOUT / ".gitignore", tmp_path)
    run("git", "init", "--quiet", tmp_path)
    kept = subprocess.run(["git", "check-ignore", "config/secrets.example.yaml"], cwd=tmp_path, check=False)
    assert kept.returncode == 1


@pytest.mark.proof
def test_the_installed_program_is_imported_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    where = run(installed / "python", "-c", "import domain; print(domain.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(installed.parent)


@pytest.mark.proof
def test_the_installed_program_lists_its_commands(installed: Path, tmp_path: Path) -> None:
    told = run(installed / "homeclimate", "--help", cwd=tmp_path)
    assert {"collect", "demo", "simulator"} <= set(told.split())


@pytest.mark.proof
def test_the_installed_health_check_knows_the_packages_that_were_tested(
    installed: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [installed / "homeclimate-health", "--offline", "--home", tmp_path, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    (found,) = json.loads(done.stdout)["checks"]["environment"]
    assert re.search(r"in .*/venv, \d\d packages as locked$", found["output"]), found


@pytest.mark.proof
def test_the_installed_program_collects_in_a_demo_from_an_empty_folder(
    installed: Path, tmp_path: Path
) -> None:
    here, home = tmp_path / "empty", tmp_path / "home"
    here.mkdir()
    run(installed / "homeclimate", "demo", "--home", home, "--days", "0", "--live-cycles", "1", cwd=here)
    with closing(sqlite3.connect(home / "data" / "readings.db")) as database:
        (stored,) = database.execute("SELECT count(*) FROM readings").fetchone()
    assert stored > 0
    assert list(here.iterdir()) == []


def files_below(folder: Path, packages: Sequence[str]) -> set[str]:
    files = (file for package in packages for file in (folder / package).rglob("*") if file.is_file())
    return {str(file.relative_to(folder)) for file in files}


def names_in_wheel(dist: Path) -> set[str]:
    with zipfile.ZipFile(only(dist.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def names_in_source_distribution(dist: Path) -> set[str]:
    with tarfile.open(only(dist.glob("*.tar.gz"))) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames()}


def build_from(source: Path, dist: Path) -> Path:
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", dist, cwd=source)
    return only(dist.glob("*.whl"))


def link_runtime_packages(site_packages: Path) -> None:
    lock = (CHECKOUT / "requirements.lock").read_text()
    for name in re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE):
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue  # for another platform; where it is needed here, pip check says so
        for entry in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            link = site_packages / entry
            if not link.exists():
                link.symlink_to(str(distribution(name).locate_file(entry)))


def only(paths: Iterable[Path]) -> Path:
    (path,) = paths
    return path


def run(*command: str | Path, cwd: Path | None = None) -> str:
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()
