"""`homeclimate collect` as a person or a timer runs it: a process, a home, a bridge that answers over TLS."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.simulator.faults import NullTemperatures, Overwrite
from adapters.simulator.home import SimulatedHome
from tests.support.databases import changed
from tests.support.deployments import Deployment


def test_once_stores_every_sensor_for_the_current_slot(
    deployment: Deployment, simulated_home: SimulatedHome
) -> None:
    done = deployment.run("collect", "--once")
    assert (done.returncode, done.stderr) == (0, "")
    rows = deployment.rows("SELECT device_id, timestamp, device_type, temperature_celsius FROM readings")
    assert {device_id for device_id, *_ in rows} == {
        f"hue:{sensor.uniqueid}" for sensor in simulated_home.sensors
    }
    (slot,) = {datetime.fromisoformat(timestamp) for _, timestamp, *_ in rows}
    assert int(slot.timestamp()) % 300 == 0
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for device_id, _, kind, stored in rows:
        assert (kind, stored) == (
            "hue_sensor",
            pytest.approx(simulated_home.temperature(device_id, now), abs=0.005),
        )


def test_without_names_the_location_of_a_sensor_is_its_uniqueid(deployment: Deployment) -> None:
    with deployment.config_file.open("a") as config:
        config.write("    fallback_to_name: no\n")
    assert deployment.run("collect", "--once").returncode == 0
    assert deployment.rows("SELECT count(*) FROM readings WHERE device_id <> 'hue:' || location") == [(0,)]


def test_general_fallback_location_is_stored_for_unnamed_sensors(
    deployment: Deployment, simulated_home: SimulatedHome
) -> None:
    simulated_home.bridge.faults.add(Overwrite("name", ""))
    with deployment.config_file.open("a") as config:
        config.write("  general: {fallback_location: Hall}\n")
    assert deployment.run("collect", "--once").returncode == 0
    assert deployment.rows("SELECT DISTINCT location FROM readings") == [("Hall",)]


def test_notice_on_the_configuration_is_printed_once(deployment: Deployment) -> None:
    with deployment.config_file.open("a") as config:
        config.write("  nest: {enabled: yes}\n")
    printed = [deployment.run("collect", "--once").stderr for _ in range(2)]
    assert "collectors.nest.enabled: has no effect" in printed[0]
    assert "has no effect" not in printed[1]


def test_a_second_once_in_a_slot_is_unscheduled(deployment: Deployment) -> None:
    for _ in range(3):  # a slot may end between two of them, and not between all three
        deployment.run("collect", "--once")
    states = deployment.rows("SELECT state, scheduled FROM outcomes")
    assert set(states) == {("stored", 0), ("stored", 1)}


@pytest.mark.proof
def test_runs_within_seconds_store_what_they_say(deployment: Deployment) -> None:
    acknowledged = 0
    for _ in range(4):
        done = deployment.run("collect", "--once", "--json")
        (cycle,) = map(json.loads, done.stdout.splitlines())
        acknowledged += sum(len(outcome["readings"]) for outcome in cycle["outcomes"])
    assert deployment.rows("SELECT count(*) FROM readings") == [(acknowledged,)]
    assert deployment.rows("SELECT sum(readings), count(*) FROM outcomes") == [(acknowledged, 4)]


def test_readings_that_were_stored_already_are_not_called_stored(deployment: Deployment) -> None:
    assert deployment.run("collect", "--once").returncode == 0
    for_the_slot = deployment.rows("SELECT count(*) FROM readings")[0][0]
    changed(deployment.database, "DELETE FROM outcomes", "DELETE FROM readings WHERE id = 1")
    done = deployment.run("collect", "--once")
    if deployment.rows("SELECT count(*) FROM readings") == [(for_the_slot,)]:  # else a slot has ended
        assert "  1 reading  [" in done.stdout
        assert f"note: {for_the_slot - 1} readings were stored already" in done.stdout


def test_cycles_runs_the_requested_number(deployment: Deployment) -> None:
    done = deployment.run("collect", "--cycles", "2", "--every", "1", "--json")
    cycles = [json.loads(line) for line in done.stdout.splitlines()]
    assert [cycle["stored"] for cycle in cycles] == [True, True]
    assert {outcome["scheduled"] for cycle in cycles for outcome in cycle["outcomes"]} == {False}
    assert len({cycle["outcomes"][0]["slot"] for cycle in cycles}) == 2


def test_a_revoked_key_exits_with_2_and_the_next_step(
    deployment: Deployment, simulated_home: SimulatedHome
) -> None:
    deployment.secrets_file.write_text(
        deployment.secrets_file.read_text().replace(simulated_home.bridge.key, "A" * 40)
    )
    done = deployment.run("collect", "--once")
    assert done.returncode == 2
    assert "FAILED (credentials)" in done.stdout
    assert "`homeclimate setup --reauth hue`" in done.stdout
    assert "A" * 40 not in done.stdout + done.stderr + _logs(deployment)
    assert deployment.rows("SELECT state, cause FROM outcomes") == [("failed", "credentials")]


def test_a_secret_in_a_reply_is_redacted_everywhere(
    deployment: Deployment, simulated_home: SimulatedHome
) -> None:
    secret = "189-8991273-8318127"  # of another service, and too short to be taken for a key by its shape
    with deployment.secrets_file.open("a") as secrets:
        secrets.write(f"amazon_aqm: {{cookies: {{session-id: {secret}}}}}\n")
    simulated_home.bridge.faults.add(Overwrite("name", f"Hall {secret}"))
    simulated_home.bridge.faults.add(NullTemperatures())
    done = deployment.run("collect", "--once", "--json")
    ledger = str(deployment.rows("SELECT * FROM outcomes"))
    assert "Hall" in done.stdout
    assert "Hall" in ledger
    assert secret not in done.stdout + done.stderr + ledger + _logs(deployment)


def test_one_silent_bridge_of_two_exits_with_1(deployment: Deployment, simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    deployment.config_file.write_text(
        f"""
collectors:
  hue:
    retry_attempts: 1
    bridges:
      - {{id: {bridge.id}, address: "{bridge.address}"}}
      - {{id: 001788fffe000001, address: "127.0.0.1:9"}}
"""
    )
    deployment.secrets_file.write_text(
        f"""
hue:
  bridges:
    - {{id: {bridge.id}, api_key: "{bridge.key}"}}
    - {{id: 001788fffe000001, api_key: "{bridge.key}"}}
"""
    )
    done = deployment.run("collect", "--once")
    assert done.returncode == 1, done.stdout + done.stderr
    assert sorted(deployment.rows("SELECT source, state, cause FROM outcomes")) == [
        ("hue:001788fffe000001", "failed", "network"),
        (f"hue:{bridge.id}", "stored", None),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sauce", "hue"], "--sauce"),
        (["--cycles", "0"], "--cycles"),
        (["--cycles", "1", "--every", "nan"], "--every"),
        (["--once", "--cycles", "2"], "exclude each other"),
        (["--every", "5"], "--every goes with --cycles"),
        (["--once", "--every", "2"], "--every goes with --cycles"),
    ],
)
def test_wrong_usage_exits_with_64(deployment: Deployment, arguments: list[str], said: str) -> None:
    done = deployment.run("collect", *arguments)
    assert done.returncode == 64
    assert said in done.stderr


def test_an_unknown_source_lists_the_known_ones(deployment: Deployment) -> None:
    done = deployment.run("collect", "--once", "--source", "hoo")
    assert done.returncode == 78
    assert "there is no source hoo" in done.stderr
    assert "there are: hue" in done.stderr


def test_a_missing_configuration_exits_with_78(deployment: Deployment, tmp_path: Path) -> None:
    done = deployment.run("collect", "--once", "--home", str(tmp_path / "nowhere"))
    assert done.returncode == 78
    assert str(tmp_path / "nowhere" / "config" / "config.yaml") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_type_is_an_error_and_an_unknown_key_a_warning(deployment: Deployment) -> None:
    whole = deployment.config_file.read_text()
    deployment.config_file.write_text(whole.replace("auto_discover:", "auto_discovr:"))
    warned = deployment.run("collect", "--once")
    assert warned.returncode == 0
    assert "config.yaml:9:5" in warned.stderr
    assert "did you mean auto_discover" in warned.stderr
    deployment.config_file.write_text(whole.replace("300", "often"))
    stopped = deployment.run("collect", "--once")
    assert stopped.returncode == 78
    assert "config.yaml:2:21" in stopped.stderr


def test_a_second_collector_of_a_source_exits_with_75(deployment: Deployment) -> None:
    first = deployment.start("collect")
    try:
        first.stdout.readline()
        assert "8 readings" in first.stdout.readline()
        second = deployment.run("collect", "--once")
        assert second.returncode == 75
        assert f"process {first.pid}" in second.stderr
    finally:
        first.kill()
        first.communicate()
    assert deployment.run("collect", "--once").returncode == 0, "kill -9 lets go of the source"


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_a_continuous_collector_with_0(deployment: Deployment, ending: signal.Signals) -> None:
    running = deployment.start("collect")
    assert "Collecting from hue every 5 min." in running.stdout.readline()
    assert "8 readings" in running.stdout.readline()
    running.send_signal(ending)
    _, errors = running.communicate(timeout=50)
    assert running.returncode == 0
    assert "Traceback" not in errors
    assert not deployment.database.with_name("readings.db-wal").exists()


def test_a_signal_during_a_cycle_lets_it_finish(
    deployment: Deployment, simulated_home: SimulatedHome
) -> None:
    simulated_home.bridge.faults.add("kind=delay seconds=0.7 path=/clip/v2/resource/temperature")
    running = deployment.start("collect")
    _until(lambda: len(simulated_home.bridge.requests) > 0)
    running.send_signal(signal.SIGTERM)
    told, _ = running.communicate(timeout=50)
    assert running.returncode == 0
    assert "8 readings" in told
    assert deployment.rows("SELECT count(*) FROM readings") == [(8,)]


def test_collect_refuses_a_simulated_database(deployment: Deployment) -> None:
    demo = deployment.run(
        "demo", "--home", str(deployment.folder / "demo"), "--days", "0", "--live-cycles", "1"
    )
    assert demo.returncode == 0, demo.stderr
    deployment.database.parent.mkdir()
    (deployment.folder / "demo" / "data" / "readings.db").rename(deployment.database)
    done = deployment.run("collect", "--once")
    assert done.returncode == 78
    assert "simulated" in done.stderr
    assert "Traceback" not in done.stderr


def test_readings_are_spooled_while_the_database_is_a_folder(
    deployment: Deployment,
) -> None:
    deployment.database.mkdir(parents=True)
    done = deployment.run("collect", "--once")
    assert done.returncode == 0
    assert "8 readings" in done.stdout
    assert "SPOOLED" in done.stdout
    assert str(deployment.database) in done.stdout
    assert "Traceback" not in done.stderr
    deployment.database.rmdir()
    assert deployment.run("collect", "--cycles", "1").returncode == 0
    assert deployment.rows("SELECT count(*) FROM readings") == [(16,)]
    assert list((deployment.folder / "data" / "spool").glob("*.jsonl")) == []


def test_readings_without_database_and_spool_exit_with_2(deployment: Deployment) -> None:
    deployment.database.mkdir(parents=True)
    (deployment.folder / "data" / "spool").write_text("a file where a folder is due")
    deployment.block_lasting_folders()
    done = deployment.run("collect", "--once")
    assert done.returncode == 2
    assert "NOT STORED" in done.stdout
    assert "Traceback" not in done.stderr


def test_an_overlay_changes_single_keys(deployment: Deployment) -> None:
    deployment.config_file.with_name("config.attic.yaml").write_text(
        "storage:\n  database_path: data/attic.db\n"
    )
    assert deployment.run("collect", "--once", "--env", "attic").returncode == 0
    assert (deployment.folder / "data" / "attic.db").exists()
    assert not deployment.database.exists()


def test_a_closed_pipe_does_not_stop_the_collector(deployment: Deployment) -> None:
    running = deployment.start("collect", "--cycles", "2", "--every", "1")
    running.stdout.readline()
    running.stdout.close()
    errors = running.stderr.read()
    running.stderr.close()
    assert (running.wait(timeout=50), errors) == (0, "")
    assert deployment.rows("SELECT count(DISTINCT timestamp) FROM readings") == [(2,)]


@pytest.mark.proof
def test_a_blocked_pipe_delays_neither_cycles_nor_exit(deployment: Deployment) -> None:
    running = subprocess.Popen(
        deployment.command("collect", "--cycles", "40", "--every", "1", "--json"),
        env=deployment.environment(),
        cwd=deployment.folder,
        stdout=subprocess.PIPE,
        pipesize=4096,
    )
    _until(lambda: deployment.database.exists() and _cycles(deployment) >= 3)
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=50) == 0
    assert running.stdout is not None
    running.stdout.close()


@pytest.mark.proof
def test_a_full_disk_behind_stdout_does_not_stop_the_collector(deployment: Deployment) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            deployment.command("collect", "--cycles", "2", "--every", "1"),
            env=deployment.environment(),
            cwd=deployment.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=50,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert _cycles(deployment) == 2


def test_a_missing_stdout_does_not_stop_the_collector(deployment: Deployment) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *deployment.command("collect", "--once")],
        env=deployment.environment(),
        cwd=deployment.folder,
        stderr=subprocess.PIPE,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert _cycles(deployment) == 1


@pytest.mark.proof
def test_an_ascii_terminal_does_not_stop_the_collector(deployment: Deployment) -> None:
    deployment.config_file.write_text(
        deployment.config_file.read_text() + "    sensor_locations: {'00:17:88:01:df:6d:29:5d': 寝室}\n"
    )
    done = subprocess.run(
        deployment.command("collect", "--cycles", "2", "--every", "1", "--json"),
        env={**deployment.environment(), "PYTHONIOENCODING": "ascii"},
        cwd=deployment.folder,
        capture_output=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u5bdd" in done.stdout
    assert _cycles(deployment) == 2


def test_a_second_once_fills_a_failed_slot(deployment: Deployment) -> None:
    right = deployment.config_file.read_text() + "    retry_attempts: 1\n"
    for _ in range(2):  # a slot may end between the two runs: then the next pair has one of its own
        deployment.config_file.write_text(right.replace("127.0.0.1:", "http://127.0.0.1:"))
        assert deployment.run("collect", "--once").returncode == 2
        deployment.config_file.write_text(right)
        assert deployment.run("collect", "--once").returncode == 0
        if deployment.rows("SELECT DISTINCT state, scheduled FROM outcomes") == [("stored", 1)]:
            return
    raise AssertionError(deployment.rows("SELECT slot, state, scheduled FROM outcomes"))


def _cycles(deployment: Deployment) -> int:
    return int(deployment.rows("SELECT count(DISTINCT timestamp) FROM readings")[0][0])


def _logs(deployment: Deployment) -> str:
    return "".join(path.read_text() for path in (deployment.folder / "logs").iterdir())


def test_a_service_writes_nothing_to_stderr(deployment: Deployment) -> None:
    deployment.database.mkdir(parents=True)
    (deployment.folder / "data" / "spool").write_text("a file where a folder is due")
    deployment.block_lasting_folders()
    running = deployment.start("collect")
    log = deployment.folder / "logs" / "homeclimate.log"
    _until(lambda: log.exists() and "CRITICAL spool.refused" in log.read_text())
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=50)
    assert (running.returncode, errors) == (0, "")
    assert "CRITICAL cycles.lost" in log.read_text()


def _until(happened: object, limit_s: float = 50.0) -> None:
    assert callable(happened)
    give_up_at = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < give_up_at, "it did not happen"
        time.sleep(0.02)
