"""`homeclimate health`: output formats, arguments, and its deadline."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from config.files import DEMO_MARK
from domain.health.report import COMPONENTS, HealthReport, HealthRequest
from entrypoints.commands import health
from entrypoints.wiring.health import Components
from ports.probe import Probe
from tests.acceptance.health.conftest import ReadOut
from tests.support.sick_homes import SickHome, run_health

_PATIENCE_S = 40.0  # far beyond every deadline here, so that a slow machine passes


def states(out: str) -> dict[str, str]:
    """Return the status of each component that has a line, or is named on the one of all that are skipped."""
    lines = re.findall(r"^(pass|warn|fail|unknown|skipped) +([a-z]\S+)", out, re.MULTILINE)
    skipped = re.findall(r"^skipped +\d+ components +(.+) \(--only", out, re.MULTILINE)
    return {name: status for status, name in lines} | {
        name: "skipped" for names in skipped for name in names.split(", ")
    }


def test_health_check_all_pass_exit_0(home: SickHome) -> None:
    done = home.deployment.run("health")
    assert (done.returncode, done.stderr) == (0, "")
    assert set(states(done.stdout)) == set(COMPONENTS)
    assert done.stdout.splitlines()[-1].startswith("healthy: ")


def test_health_check_partial_failure_exit_1(home: SickHome, read_out: ReadOut) -> None:
    home.simulated.bridge.faults.add("kind=unavailable")
    code, out, _ = run_health(home, read_out)
    assert (code, states(out)["hue"]) == (1, "fail")


def test_health_check_critical_failure_exit_2(home: SickHome) -> None:
    home.deployment.config_file.unlink()
    assert home.deployment.run("health").returncode == 2


def test_health_check_output_format(home: SickHome, read_out: ReadOut) -> None:
    code, out, _ = run_health(home, read_out, "--json")
    report = json.loads(out)
    keys = ("version", "releaseId", "description", "status", "exitCode", "time", "durationSeconds", "checks")
    assert tuple(report) == keys
    assert (report["version"], report["exitCode"]) == ("1", code)
    assert list(report["checks"]) == list(COMPONENTS)


def test_health_check_remediation_guidance(home: SickHome, read_out: ReadOut) -> None:
    home.simulated.bridge.faults.add("kind=revoked")
    _, out, _ = run_health(home, read_out)
    assert re.search(r"^fail +hue .*\n +-> Run `\S+ setup --reauth hue --home \S+`\.$", out, re.MULTILINE)


def test_only_a_terminal_gets_colours(home: SickHome, read_out: ReadOut) -> None:
    _, out, _ = run_health(home, read_out, "--offline")
    assert "\x1b" not in out
    main, side = pty.openpty()
    environment = {name: text for name, text in home.deployment.environment().items() if name != "NO_COLOR"}
    command = home.deployment.command("health", "--offline")
    with subprocess.Popen(command, stdout=side, env=environment, cwd=home.folder) as process:
        os.close(side)
        shown = b""
        with suppress(OSError):  # how a terminal ends
            while part := os.read(main, 4096):
                shown += part
        os.close(main)
        assert process.wait(_PATIENCE_S) == 0
    assert b"\x1b[32mpass" in shown


def test_monitors_get_one_line_with_the_state(home: SickHome, read_out: ReadOut) -> None:
    home.deployment.secrets_file.unlink()
    code, out, _ = run_health(home, read_out, "--brief")
    assert code == 2
    assert re.fullmatch(r"HOMECLIMATE CRITICAL - [^|\n]+ \| time=[\d.]+s failed=\d+ warnings=\d+\n", out)


def test_only_requested_components_are_checked(home: SickHome, read_out: ReadOut) -> None:
    home.simulated.bridge.faults.add("kind=unavailable")
    before = len(home.simulated.bridge.requests)
    code, out, _ = run_health(home, read_out, "--only", "clock", "--only", "amazon")
    assert (code, states(out)) == (0, {"clock": "pass", "amazon": "pass"})
    assert len(home.simulated.bridge.requests) == before


def test_broken_configuration_is_always_reported(home: SickHome, read_out: ReadOut) -> None:
    home.config("interval_seconds: 300", "interval_seconds: [")
    code, out, _ = run_health(home, read_out, "--only", "clock")
    assert (code, states(out)) == (2, {"configuration": "fail", "clock": "skipped"})


def test_offline_sends_no_request(home: SickHome, read_out: ReadOut) -> None:
    services = (home.simulated.bridge, home.simulated.alexa)
    before = [len(service.requests) for service in services]
    code, out, _ = run_health(home, read_out, "--offline")
    assert (code, states(out)["hue"], states(out)["amazon"]) == (0, "skipped", "skipped")
    assert [len(service.requests) for service in services] == before


def test_list_names_the_components(home: SickHome, read_out: ReadOut) -> None:
    code, out, _ = run_health(home, read_out, "--list")
    assert (code, [line.split(maxsplit=1)[0] for line in out.splitlines()]) == (0, list(COMPONENTS))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--nothing",),
        ("--only", "cellar"),
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("--timeout", "x"),
        ("--json", "--brief"),
    ],
)
def test_wrong_usage_exits_with_64(home: SickHome, read_out: ReadOut, arguments: Sequence[str]) -> None:
    code, out, err = run_health(home, read_out, *arguments)
    assert (code, out, err.startswith("Usage: homeclimate health ")) == (64, "", True)


def test_disabled_source_is_skipped(home: SickHome, read_out: ReadOut) -> None:
    home.without_amazon()
    code, out, _ = run_health(home, read_out)
    assert (code, states(out)["amazon"]) == (0, "skipped")
    assert len([line for line in out.splitlines() if line.startswith("skipped")]) == 1
    code, out, _ = run_health(home, read_out, "--only", "amazon")
    assert "skipped  amazon          not enabled in the configuration" in out.splitlines()


def test_unknown_or_ineffective_key_fails_nothing(home: SickHome, read_out: ReadOut) -> None:
    home.config(
        "interval_seconds: 300", "interval_seconds: 300\n  banana: 3\nstorage_: {enable_wal_mode: yes}"
    )
    code, out, _ = run_health(home, read_out, "--only", "configuration")
    assert (code, states(out)["configuration"]) == (0, "warn")
    assert len([line for line in out.splitlines() if "unknown key, ignored" in line]) == 2


@pytest.mark.parametrize("has_state", [True, False])
def test_check_changes_no_file(home: SickHome, read_out: ReadOut, has_state: bool) -> None:
    home.simulated.bridge.faults.add("kind=revoked")
    if not has_state:
        (home.data / "state.json").unlink()

    def content() -> dict[str, bytes]:
        """Leave out what any reader of SQLite creates: the log's index, and an empty log."""
        files = [path for path in home.folder.rglob("*") if path.is_file()]
        return {
            str(path): path.read_bytes()
            for path in files
            if not path.name.endswith("-shm")
            and not (path.name.endswith("-wal") and path.stat().st_size == 0)
        }

    before = content()
    run_health(home, read_out)
    assert content() == before


def test_invalid_settings_are_not_used(home: SickHome, read_out: ReadOut) -> None:
    bridge = home.simulated.bridge
    home.config(
        "    auto_discover: false\n", f"    auto_discover: false\n    bridges: [{{id: {bridge.id}}}]\n"
    )
    before = len(bridge.requests)
    code, out, _ = run_health(home, read_out, "--json")
    found = {name: check["status"] for name, (check,) in json.loads(out)["checks"].items()}
    assert (code, found.pop("configuration"), found.pop("environment")) == (2, "fail", "pass")
    assert set(found.values()) == {"skipped"}
    assert len(bridge.requests) == before


def test_home_that_does_not_exist_is_one_failure(home: SickHome, read_out: ReadOut) -> None:
    home.deployment.config_file.unlink()
    code, out, _ = run_health(home, read_out)
    lines = out.splitlines()
    assert code == 2
    setup = f"homeclimate setup --home {home.folder}"
    assert lines[:2] == [
        f"fail     configuration   {home.deployment.config_file} - not found",
        f"{'':9}-> Run `{setup}` to make one, or name another home with --home.",
    ]
    assert lines[3:-1] == ["skipped  19 components   the configuration must be corrected first"]


def test_next_steps_name_commands_as_typed_here(
    home: SickHome, read_out: ReadOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.deployment.config_file.unlink()
    monkeypatch.setenv("HOMECLIMATE_CHECKOUT", "/opt/homeclimate")
    for form in ((), ("--json",)):
        assert (
            f"Run `/opt/homeclimate/run setup --home {home.folder}` to"
            in run_health(home, read_out, *form)[1]
        )


def test_simulated_home_is_judged_as_one(home: SickHome, read_out: ReadOut) -> None:
    home.sql("UPDATE properties SET value = '1' WHERE name = 'is_simulated'")
    text = home.deployment.config_file.read_text()
    home.deployment.config_file.write_text(f"{DEMO_MARK}\n{text}")
    before = len(home.simulated.bridge.requests)
    code, out, _ = run_health(home, read_out)
    assert (code, "readings.db, of a simulated home, can be written to" in out) == (0, True), out
    assert len(home.simulated.bridge.requests) == before


def test_each_bridge_has_its_own_line(home: SickHome, read_out: ReadOut) -> None:
    bridge = home.simulated.bridge
    home.config(f'    bridge_ip: "{bridge.address}"\n', "")
    home.config(
        "    auto_discover: false\n",
        "    auto_discover: false\n"
        f"    bridges: [{{id: {bridge.id}, address: '{bridge.address}'}},"
        " {id: 0017880000000001, address: '127.0.0.1:9'}]\n",
    )
    home.secrets("hue:\n", f'hue:\n  bridges: [{{id: 0017880000000001, api_key: "{bridge.key}"}}]\n')
    code, out, _ = run_health(home, read_out)
    found = {name: state for name, state in states(out).items() if name.startswith("hue")}
    assert (code, found) == (1, {f"hue:{bridge.id}": "pass", "hue:0017880000000001": "fail"})


def test_timeout_includes_the_start_of_the_process(home: SickHome, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[HealthRequest] = []

    class Recorder(health.HealthRun):
        def run(self) -> HealthReport:
            requests.append(self.command.request)
            return HealthReport(())

        def watch(self, leave: Callable[[int], object]) -> None:
            pass

    monkeypatch.setattr(health, "HealthRun", Recorder)
    monkeypatch.setattr(health, "process_age_s", lambda: 4.0)
    for timeout in ("10", "4"):
        health.run(["--timeout", timeout, "--home", str(home.folder)], leave=lambda _: None)
    assert [round(request.timeout_s, 2) for request in requests] == [6.0, 1.33]


class MovedTime:
    """In the place of `time`: it passes at once, but not before `may_pass` is set, and is added up."""

    def __init__(self) -> None:
        self.may_pass = threading.Event()
        self.slept_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.may_pass.wait(_PATIENCE_S)
        self.slept_s += seconds


def test_health_check_timeout_enforcement(
    home: SickHome, read_out: ReadOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, age_s = MovedTime(), 4.0
    is_over = threading.Event()
    ends: list[tuple[int, float]] = []

    def leave(code: int) -> None:
        ends.append((code, age_s + time.slept_s))
        is_over.set()

    def hang(components: Components) -> list[Probe]:
        time.may_pass.set()
        is_over.wait(_PATIENCE_S)  # in the thread of the event loop, where no time limit of its own helps
        return []

    monkeypatch.setattr(health, "time", time)
    monkeypatch.setattr(health, "process_age_s", lambda: age_s)
    monkeypatch.setattr(Components, "second", hang)
    read_out()
    health.run(["--home", str(home.folder)], environment=home.environment, leave=leave)
    out, _ = read_out()
    assert [code for code, _ in ends] == [1]
    assert 14 < ends[0][1] < 15, "without --timeout, from the start of the process on"
    assert states(out)["database"] == "unknown"


# What hangs: each in a process of its own


def run_stuck(home: SickHome, what: str, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run the check in a process in which that hangs."""
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


@pytest.mark.proof
def test_silent_bridge_fails_within_the_timeout(home: SickHome) -> None:
    home.simulated.bridge.faults.add("kind=silence")
    done = run_stuck(home, "nothing", "--timeout", "6")
    assert (done.returncode, done.stderr) == (1, "")
    assert states(done.stdout)["hue"] == "fail"
    assert set(states(done.stdout)) == set(COMPONENTS)


@pytest.mark.proof
def test_probe_whose_thread_hangs_for_good_does_not_stop_the_check(home: SickHome) -> None:
    done = run_stuck(home, "database", "--offline", "--timeout", "8")
    assert re.search(r"^fail +database +no answer before the deadline$", done.stdout, re.MULTILINE)
    assert (done.returncode, states(done.stdout)["clock"]) == (2, "pass")


@pytest.mark.proof
def test_silent_name_server_fails_its_source_only(home: SickHome) -> None:
    url = home.simulated.alexa.url
    file = home.deployment.config_file
    file.write_text(file.read_text().replace(url, url.replace("127.0.0.1", "localhost")))
    done = run_stuck(home, "names", "--timeout", "15")
    assert (done.returncode, done.stderr) == (1, "")
    assert (states(done.stdout)["amazon"], states(done.stdout)["database"]) == ("fail", "pass")


@pytest.mark.proof
def test_thread_that_hangs_on_a_file_does_not_stop_the_check(home: SickHome) -> None:
    (home.data / "state.json").unlink()
    os.mkfifo(home.data / "state.json")
    done = run_stuck(home, "nothing", "--offline", "--timeout", "8")
    assert states(done.stdout)["database"] == "pass"
    assert done.returncode in (0, 1)  # a state that is not a file may be passed over


@pytest.mark.proof
def test_hanging_event_loop_ends_at_the_deadline(home: SickHome) -> None:
    done = run_stuck(home, "loop", "--timeout", "6")
    assert (done.returncode, done.stderr) == (1, "")
    assert states(done.stdout) == dict.fromkeys(COMPONENTS, "unknown") | {"configuration": "pass"}


@pytest.mark.proof
def test_hanging_configuration_is_reported(home: SickHome) -> None:
    done = run_stuck(home, "configuration", "--timeout", "12")
    assert (done.returncode, done.stderr) == (2, "")
    assert re.search(r"^fail +configuration +no answer before the deadline$", done.stdout, re.MULTILINE)
    assert (states(done.stdout)["database"], done.stdout.count("fail ")) == ("unknown", 1)


@pytest.mark.proof
def test_stdout_that_nobody_reads_does_not_stop_the_check(home: SickHome) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"-" * 4096)
    os.set_blocking(writing, True)
    streams = {"stdout": writing, "stderr": subprocess.PIPE, "capture_output": False}
    done = run_stuck(home, "nothing", "--offline", "--timeout", "3", **streams)
    os.close(reading)
    os.close(writing)
    assert done.returncode in (0, 1)  # on a busy machine not all is known by the deadline
