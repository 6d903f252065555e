"""Names that could control a terminal, and terminals that lack characters, through every command."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess

import pytest

from adapters.simulator.home import SimulatedHome
from tests.acceptance.conftest import RunHere
from tests.support.deployments import Deployment

NASTY = "K\x1b]0;x\x07\x1b[2J\r\nhue: all is well"
HARMLESS = "K\ufffd]0;x\ufffd\ufffd[2J\ufffd\ufffdhue: all is well"
TURNED = "a\u202eb\u2028c"
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e]")
COMMANDS = (
    ("collect", "--cycles", "1"),
    ("collect", "--cycles", "1", "--json"),
    ("status",),
    ("status", "--json"),
    ("history", "well"),
    ("history", "no such room"),
    ("log",),
    ("devices",),
    ("export",),
)


def rename_all(home: SimulatedHome, name: str) -> None:
    home.bridge.faults.add(f"kind=overwrite field=name value={shlex.quote(json.dumps(name))}")


def test_no_command_passes_a_control_character_on(
    deployment: Deployment, run_here: RunHere, simulated_home: SimulatedHome
) -> None:
    rename_all(simulated_home, f"  {NASTY} ")
    out = {}
    for command in (*COMMANDS, ("setup", "--address", simulated_home.bridge.address)):
        done = run_here(deployment, *command)
        shown = done.stdout + done.stderr
        assert not _CONTROL.search(shown.replace("\r\n", "\n") if command == ("export",) else shown), command
        assert "Traceback" not in shown
        assert "\ufffd " not in shown, "a line break of our own was replaced"
        assert not any(line.startswith("hue: all is well") for line in shown.splitlines())
        out[command[0], *command[1:2]] = shown
    assert {location for (location,) in deployment.rows("SELECT location FROM readings")} == {NASTY}
    for command in (("status",), ("history", "well"), ("history", "no such room"), ("devices",)):
        assert HARMLESS in out[command], command
    assert f"  {HARMLESS}  " in out["setup", "--address"]


def test_a_page_has_names_without_control_characters(
    deployment: Deployment, run_here: RunHere, simulated_home: SimulatedHome
) -> None:
    rename_all(simulated_home, TURNED)
    assert run_here(deployment, "collect", "--cycles", "1").returncode == 0
    page = deployment.folder / "page.html"
    assert run_here(deployment, "report", "--output", str(page)).returncode == 0
    assert not _CONTROL.search(page.read_text())
    assert "a\ufffdb\ufffdc" in page.read_text() or r"a\ufffdb\ufffdc" in page.read_text()


ENCODINGS = {
    "iso-8859-15": ({"PYTHONIOENCODING": "iso-8859-15"}, "°C"),
    "C": ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "degC"),
}


@pytest.mark.proof
@pytest.mark.parametrize("name", ENCODINGS)
def test_every_command_prints_what_the_encoding_can_show(deployment: Deployment, name: str) -> None:
    deployment.config_file.write_text(
        deployment.config_file.read_text() + "    sensor_locations: {'00:17:88:01:df:6d:29:5d': Küche}\n"
    )
    variables, degree = ENCODINGS[name]
    encoding = variables.get("PYTHONIOENCODING", "ascii")
    plain = {key: value for key, value in deployment.environment().items() if key != "PYTHONIOENCODING"}
    demo = ("demo", "--home", "demo", "--days", "1", "--live-cycles", "1")
    for command in (*COMMANDS, ("health",), demo):
        done = subprocess.run(
            deployment.command(*command),
            env={**plain, "HOME": os.environ["HOME"], **variables, "SIMULATED_RATE": "20"},
            cwd=deployment.folder,
            capture_output=True,
            timeout=50,
            check=False,
        )
        shown = (done.stdout + done.stderr).decode("utf-8" if command == ("export",) else encoding)
        assert "Traceback" not in shown, command
        if command in (("status",), demo):
            assert degree in shown
            assert "_" in shown  # the lowest bar
        if command == ("status",):
            assert ("Kuche" if degree == "degC" else "Küche") in shown
