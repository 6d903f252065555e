"""A system that denies what every program has: no command ends in a traceback."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.deployments import Deployment
from tests.support.proofs import in_proofs

COMMANDS = (
    ("status",),
    ("health", "--offline"),
    ("health", "--offline", "--json"),
    ("collect", "--once"),
    ("backup", "copy.db"),
    ("db", "check"),
    ("restore", "copy.db", "--yes"),
    ("setup", "--address", "127.0.0.1:9"),
    ("setup", "amazon", "--import"),
    ("baseline", "list"),
)


def files(number: int) -> Callable[[], object]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


def closed(*descriptors: int) -> Callable[[], object]:
    def prepare() -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    return prepare


def in_a_deleted_folder() -> None:
    folder = Path("gone")
    folder.mkdir()
    os.chdir(folder)
    Path(f"../{folder}").rmdir()


def run(
    deployment: Deployment, command: tuple[str, ...], prepare: Callable[[], object] | None, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "entrypoints", *command],
        env={**deployment.environment(), **more},
        cwd=deployment.folder,
        preexec_fn=prepare,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


CASES: list[tuple[tuple[str, ...], Callable[[], object] | None, dict[str, str], str]] = [
    (("status",), files(10), {}, "ulimit -n"),
    (("health",), files(10), {}, "ulimit -n"),
    (("status",), in_a_deleted_folder, {"HOMECLIMATE_HOME": "home"}, "working folder has been deleted"),
    (("health",), in_a_deleted_folder, {"HOMECLIMATE_HOME": "home"}, "working folder has been deleted"),
    (("health",), closed(0, 1, 2), {}, ""),
    (("setup", "--address", "127.0.0.1:9"), closed(0), {}, ""),
    (("status",), None, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, ""),
]


@pytest.mark.parametrize(
    ("command", "prepare", "environment", "words"), CASES, ids=[str(n) for n in range(len(CASES))]
)
def test_next_step_in_place_of_a_traceback(
    deployment: Deployment,
    command: tuple[str, ...],
    prepare: Callable[[], object] | None,
    environment: dict[str, str],
    words: str,
) -> None:
    done = run(deployment, command, prepare, **environment)
    assert "Traceback" not in done.stderr
    assert words in done.stdout + done.stderr
    assert done.returncode in (0, 1, 2, 78), done


DENIED: dict[str, Callable[[], object]] = {
    **{f"{number} files": files(number) for number in (6, 10, 20, 45)},
    **{f"closed {numbers}": closed(*numbers) for numbers in ((0,), (1,), (2,), (0, 1, 2))},
    "deleted folder": in_a_deleted_folder,
}


@pytest.mark.proof
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("prepare", DENIED.values(), ids=DENIED)
def test_no_command_ends_in_a_traceback(
    deployment: Deployment, command: tuple[str, ...], prepare: Callable[[], object]
) -> None:
    done = run(deployment, command, prepare)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "internal error" not in said
    assert "the check itself failed" not in said
    assert done.returncode in (0, 1, 2, 64, 78), done


@pytest.mark.parametrize("command", [("--version",), ("--help",), ("health", "--help"), ("status",)])
def test_full_output_is_said(deployment: Deployment, command: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            deployment.command(*command),
            env=deployment.environment(),
            cwd=deployment.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("homeclimate: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", [("collect", "--once"), *in_proofs([("status",), ("health", "--offline")])]
)
def test_a_time_zone_of_days_is_replaced_by_utc(deployment: Deployment, command: tuple[str, ...]) -> None:
    deployment.run("collect", "--once")
    done = run(deployment, command, None, TZ="Foo-25:99")
    assert done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "internal error" not in done.stdout + done.stderr
