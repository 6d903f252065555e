"""No command waits for a pipe, a socket or a folder in the place of a file: it ends, and names the path."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.deployments import Deployment

Replace = Callable[[Path], object]
COMMANDS = (
    ("collect", "--once"),
    ("status",),
    ("health", "--offline"),
    ("backup", "copy.db"),
    ("db", "check"),
    ("setup", "--address", "127.0.0.1:9"),
)
NEED_SECRETS = (COMMANDS[0], COMMANDS[2], COMMANDS[-1])
CONFIG = ("config/config.yaml", "config/config.lab.yaml", "config/secrets.yaml")
DATA = (
    "data/readings.db",
    "data/readings.db-wal",
    "data/readings.db-shm",
    "data/readings.db.lock",
    "data/state.json",
    "data/state.json.lock",
    "data/locks/hue.lock",
    "data/upkeep.lock",
    "data/spool/lock",
    "data/spool/2026-03-01.jsonl",
    "data/ALERT_TOKEN_REFRESH_NEEDED.txt",
    "data/backups/readings-2026-03-01.db",
    "logs/homeclimate.log",
    "logs/homeclimate.log.1",
    "data",
    "data/locks",
    "data/spool",
    "data/backups",
    "logs",
)


def listen(path: Path) -> None:
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    os.chdir(path.parent)  # the name of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)
        os.close(here)


KINDS: dict[str, Replace] = {"pipe": os.mkfifo, "folder": Path.mkdir, "socket": listen}


def replace(path: Path, kind: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    KINDS[kind](path)


def cases(names: tuple[str, ...], always: tuple[str, ...]) -> list[object]:
    return [
        pytest.param(name, kind, marks=[pytest.mark.proof] * (name not in always or kind != "pipe"))
        for name in names
        for kind in KINDS
    ]


@pytest.fixture
def collected(deployment: Deployment) -> Deployment:
    assert deployment.run("collect", "--once").returncode == 0
    return deployment


@pytest.mark.parametrize(("name", "kind"), cases(CONFIG, ("config/secrets.yaml",)))
def test_configuration_is_refused_at_once(collected: Deployment, name: str, kind: str) -> None:
    path = collected.folder / name
    replace(path, kind)
    overlay = ("--env", "lab") if ".lab." in name else ()
    for command in COMMANDS[:1] if overlay else NEED_SECRETS if "secrets" in name else COMMANDS:
        done = collected.run(*command, *overlay)
        assert done.returncode not in (0, 70), (command, done)
        said = done.stdout + done.stderr
        assert f"{path}" in said, (command, said)
        assert "Traceback" not in said


@pytest.mark.parametrize(("name", "kind"), cases(DATA, ("data/readings.db",)))
def test_no_command_waits_for_a_file_of_the_home(collected: Deployment, name: str, kind: str) -> None:
    path = collected.folder / name
    if kind == "folder" and path.is_dir():
        return
    for command in COMMANDS[:-1]:
        replace(path, kind)
        done = collected.run(*command)
        assert "Traceback" not in done.stdout + done.stderr, (command, done)
