"""`homeclimate health` as people and monitors call it: its forms, its arguments, its end whatever hangs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest

from entrypoints import health
from entrypoints.commands.health import COMPONENTS
from tests.acceptance.health.conftest import ReadOut
from tests.support.sick_homes import SickHome, asked_here

_PATIENCE_S = 40.0  # far beyond every deadline here: who hangs is seen, and a slow machine is not


def in_a_process(home: SickHome, what: str, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """The check where that hangs."""
    deployment = home.deployment
    command = [sys.executable, "-m", "tests.support.health_stuck", what, str(deployment.ca_file), *arguments]
    return subprocess.run(
        command,
        env=deployment.environment(),
        cwd=deployment.folder,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
        **({"capture_output": True} | more),
    )


def states(out: str) -> dict[str, str]:
    """Of each component that has a line of its own."""
    return dict(re.findall(r"^(?:pass|warn|fail|skipped) .*$", out, re.MULTILINE) and _pairs(out))


def _pairs(out: str) -> list[tuple[str, str]]:
    return [
        (name, state) for state, name in re.findall(r"^(pass|warn|fail|skipped) +(\S+)", out, re.MULTILINE)
    ]


def test_health_check_all_pass_exit_0(home: SickHome) -> None:
    done = home.deployment.run("health")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(states(done.stdout)) == set(COMPONENTS)
    assert done.stdout.splitlines()[-1].startswith("healthy: ")


def test_health_check_partial_failure_exit_1(home: SickHome) -> None:
    home.simulated.bridge.faults.add("kind=unavailable")
    done = home.deployment.run("health")
    assert done.returncode == 1
    assert states(done.stdout)["hue"] == "fail"


def test_health_check_critical_failure_exit_2(home: SickHome) -> None:
    home.deployment.config_file.unlink()
    assert home.deployment.run("health").returncode == 2


def test_health_check_output_format(home: SickHome, read_out: ReadOut) -> None:
    code, out, _ = asked_here(home, read_out, "--json")
    told = json.loads(out)
    assert told.keys() == {
        "version",
        "releaseId",
        "description",
        "status",
        "exitCode",
        "time",
        "durationSeconds",
        "checks",
    }
    assert (told["version"], told["exitCode"]) == ("1", code)
    assert list(told["checks"]) == list(COMPONENTS)


def test_health_check_remediation_guidance(home: SickHome, read_out: ReadOut) -> None:
    home.simulated.bridge.faults.add("kind=revoked")
    _, out, _ = asked_here(home, read_out)
    assert re.search(r"^fail +hue .*\n +-> Run `\S+ setup --reauth hue`\.$", out, re.MULTILINE)


def test_a_terminal_gets_colours_and_nobody_else_does(home: SickHome, read_out: ReadOut) -> None:
    _, out, _ = asked_here(home, read_out)
    assert "\x1b" not in out
    main, side = pty.openpty()
    environment = {name: text for name, text in home.deployment.environment().items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        home.deployment.command("health", "--offline"),
        stdout=side,
        env=environment,
        cwd=home.deployment.folder,
    )
    os.close(side)
    shown = b""
    with suppress(OSError):  # how a terminal ends
        while part := os.read(main, 4096):
            shown += part
    os.close(main)
    assert process.wait(_PATIENCE_S) == 0
    assert b"\x1b[32mpass" in shown


@pytest.mark.parametrize(
    ("spec", "code", "word"), [("", 0, "OK"), ("kind=unavailable", 1, "WARNING"), ("critical", 2, "CRITICAL")]
)
def test_monitors_get_one_line_with_the_state_in_it(
    home: SickHome, read_out: ReadOut, spec: str, code: int, word: str
) -> None:
    if spec == "critical":
        home.deployment.secrets_file.unlink()
    elif spec:
        home.simulated.bridge.faults.add(spec)
    found, out, _ = asked_here(home, read_out, "--brief")
    assert found == code
    assert re.fullmatch(rf"HOMECLIMATE {word} - [^|\n]+ \| time=[\d.]+s failed=\d+ warnings=\d+\n", out)


def test_only_what_is_asked_for_is_looked_at(home: SickHome, read_out: ReadOut) -> None:
    home.simulated.bridge.faults.add("kind=unavailable")
    before = len(home.simulated.bridge.requests)
    code, out, _ = asked_here(home, read_out, "--only", "clock", "--only", "amazon")
    assert (code, states(out)) == (0, {"clock": "pass", "amazon": "pass"})
    assert len(home.simulated.bridge.requests) == before


def test_a_broken_configuration_is_told_of_whatever_is_asked_for(home: SickHome, read_out: ReadOut) -> None:
    home.config("interval_seconds: 300", "interval_seconds: [")
    code, out, _ = asked_here(home, read_out, "--only", "clock")
    assert (code, states(out)) == (2, {"configuration": "fail", "clock": "skipped"})


def test_offline_leaves_the_network_out(home: SickHome, read_out: ReadOut) -> None:
    services = (home.simulated.bridge, home.simulated.alexa)
    before = [len(service.requests) for service in services]
    code, out, _ = asked_here(home, read_out, "--offline")
    assert code == 0
    assert (states(out)["hue"], states(out)["amazon"]) == ("skipped", "skipped")
    assert [len(service.requests) for service in services] == before


def test_the_components_are_listed_with_what_they_mean(home: SickHome, read_out: ReadOut) -> None:
    code, out, _ = asked_here(home, read_out, "--list")
    assert code == 0
    assert [line.split(maxsplit=1)[0] for line in out.splitlines()] == list(COMPONENTS)


@pytest.mark.parametrize(
    "arguments",
    [("--nothing",), ("--only", "cellar"), ("--timeout", "0"), ("--timeout", "x"), ("--json", "--brief")],
)
def test_what_cannot_be_understood_ends_with_64(
    home: SickHome, read_out: ReadOut, arguments: tuple[str, ...]
) -> None:
    code, _, err = asked_here(home, read_out, *arguments)
    assert (code, "Usage: homeclimate health " in err) == (64, True)


def test_a_disabled_source_does_not_count_against_a_home(home: SickHome, read_out: ReadOut) -> None:
    home.without_amazon()
    code, out, _ = asked_here(home, read_out)
    assert (code, states(out)["amazon"]) == (0, "skipped")


def test_nothing_is_changed_by_a_look(home: SickHome, read_out: ReadOut) -> None:
    home.simulated.bridge.faults.add("kind=revoked")

    def content() -> dict[str, bytes]:
        """Without the index of a log, and a log without anything: what any reader of SQLite leaves."""
        files = [path for path in home.deployment.folder.rglob("*") if path.is_file()]
        return {
            str(path): path.read_bytes()
            for path in files
            if not path.name.endswith("-shm")
            and not (path.name.endswith("-wal") and path.stat().st_size == 0)
        }

    before = content()
    asked_here(home, read_out)
    assert content() == before


def test_what_a_look_learns_it_keeps_to_itself(home: SickHome, read_out: ReadOut) -> None:
    (home.data / "state.json").unlink()
    assert asked_here(home, read_out)[0] == 0
    assert not (home.data / "state.json").exists()


def test_settings_with_a_fault_are_not_believed(home: SickHome, read_out: ReadOut) -> None:
    bridge = home.simulated.bridge
    home.config(
        "    auto_discover: false\n", f"    auto_discover: false\n    bridges: [{{id: {bridge.id}}}]\n"
    )
    before = len(bridge.requests)
    code, out, _ = asked_here(home, read_out)
    found = states(out)
    assert (code, found.pop("configuration"), found.pop("environment")) == (2, "fail", "pass")
    assert set(found.values()) == {"skipped"}
    assert len(bridge.requests) == before


def test_several_bridges_are_told_of_one_by_one(home: SickHome, read_out: ReadOut) -> None:
    bridge = home.simulated.bridge
    home.config(f'    bridge_ip: "{bridge.address}"\n', "")
    home.config(
        "    auto_discover: false\n",
        "    auto_discover: false\n"
        f"    bridges: [{{id: {bridge.id}, address: '{bridge.address}'}},"
        " {id: 0017880000000001, address: '127.0.0.1:9'}]\n",
    )
    home.secrets("hue:\n", f'hue:\n  bridges: [{{id: 0017880000000001, api_key: "{bridge.key}"}}]\n')
    code, out, _ = asked_here(home, read_out)
    found = {name: state for name, state in states(out).items() if name.startswith("hue")}
    assert found == {f"hue:{bridge.id}": "pass", "hue:0017880000000001": "fail"}
    assert code == 1


# What hangs


def test_health_check_timeout_enforcement(home: SickHome) -> None:
    home.simulated.bridge.faults.add("kind=silence")
    done = home.deployment.run("health", "--timeout", "9")
    assert (done.returncode, done.stderr) == (1, "")
    assert states(done.stdout)["hue"] == "fail"
    assert set(states(done.stdout)) == set(COMPONENTS)


@pytest.mark.proof
def test_a_name_server_that_never_answers_holds_nobody(home: SickHome) -> None:
    url = home.simulated.alexa.url
    file = home.deployment.config_file
    file.write_text(file.read_text().replace(url, url.replace("127.0.0.1", "localhost")))
    done = in_a_process(home, "names", "--timeout", "9")
    assert (done.returncode, done.stderr) == (1, "")
    assert states(done.stdout)["amazon"] == "fail"
    assert states(done.stdout)["database"] == "pass"


@pytest.mark.proof
def test_a_thread_that_is_stuck_in_a_file_holds_nobody(home: SickHome) -> None:
    (home.data / "state.json").unlink()
    os.mkfifo(home.data / "state.json")
    done = in_a_process(home, "nothing", "--offline", "--timeout", "8")
    assert states(done.stdout)["database"] == "pass"
    assert done.returncode in (0, 1)  # a state that is no file may be passed over


@pytest.mark.proof
def test_a_check_that_is_stuck_itself_ends_by_its_deadline(home: SickHome) -> None:
    done = in_a_process(home, "loop", "--timeout", "9")
    assert (done.returncode, done.stderr) == (2, "")
    assert states(done.stdout) == dict.fromkeys(COMPONENTS, "fail") | {"configuration": "pass"}


@pytest.mark.proof
def test_a_configuration_on_a_disk_that_has_gone_is_no_answer(home: SickHome) -> None:
    done = in_a_process(home, "configuration", "--timeout", "6")
    assert (done.returncode, done.stderr) == (2, "")
    assert re.search(r"^fail +configuration +no answer before the deadline$", done.stdout, re.MULTILINE)


@pytest.mark.proof
def test_a_reader_of_stdout_that_never_reads_holds_nobody(home: SickHome) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"-" * 4096)
    os.set_blocking(writing, True)
    done = in_a_process(
        home,
        "nothing",
        "--offline",
        "--timeout",
        "3",
        stdout=writing,
        stderr=subprocess.PIPE,
        capture_output=False,
    )
    os.close(reading)
    os.close(writing)
    assert done.returncode == 0


# How it is called


def test_looks_at_a_well_home_raise_no_false_alarm(home: SickHome, read_out: ReadOut) -> None:
    arguments = ["--brief", "--home", str(home.deployment.folder)]
    codes = [health.run(arguments, environment=home.environment) for _ in range(20)]
    assert (set(codes), read_out()[1]) == ({0}, "")
