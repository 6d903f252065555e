"""Each fault of a real home is found, and no other component is blamed."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.memory.upkeep import MemoryDisk
from adapters.runtime.clock import SystemClock
from tests.acceptance.health.conftest import ReadOut
from tests.support.sick_homes import SickHome, not_passed, run_health

Arrange = Callable[[SickHome, ExitStack], object]
HUE, AMAZON, CONFIG, SECRETS, DATABASE = "hue", "amazon", "configuration", "secrets", "database"
BACKUPS = "backups"
FAIL, WARN = "fail", "warn"
SHORT = ("--timeout", "4")


@attrs.frozen
class Case:
    """A fault, the exit code, and the components that report it, with status and next step."""

    name: str
    arrange: Arrange
    code: int
    expected: Mapping[str, tuple[str, str]]
    arguments: tuple[str, ...] = ()
    is_long: bool = False  # it waits for a real deadline, which unit tests move


def fault(of: str, spec: str) -> Arrange:
    return lambda home, _: getattr(home.simulated, of).faults.add(f"kind={spec}")


def config(old: str, new: str) -> Arrange:
    return lambda home, _: home.config(old, new)


def more_config(text: str) -> Arrange:
    return lambda home, _: home.more_config(text)


def secrets(old: str, new: str) -> Arrange:
    return lambda home, _: home.secrets(old, new)


def sql(*statements: str) -> Arrange:
    return lambda home, _: home.sql(*statements)


def disk(free: int) -> Arrange:
    return lambda home, _: setattr(home, "disk", MemoryDisk(free))


def secrets_mode(mode: int) -> Arrange:
    return lambda home, _: home.deployment.secrets_file.chmod(mode)


def all_of(*faults: Arrange) -> Arrange:
    return lambda home, stack: [each(home, stack) for each in faults]


def without_amazon(home: SickHome, _: ExitStack) -> None:
    home.without_amazon()


def without_hue(home: SickHome, _: ExitStack) -> None:
    home.without_hue()


def on_file(name: str, change: Callable[[Path], object]) -> Arrange:
    return lambda home, _: change(home.folder / name)


def file(name: str, content: bytes) -> Arrange:
    return on_file(name, lambda path: path.write_bytes(content))


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def replace_by_file(path: Path) -> None:
    remove(path)
    path.touch()


def replace_by_folder(path: Path) -> None:
    remove(path)
    path.mkdir()


def damage(path: Path) -> None:
    with path.open("r+b") as database:
        database.write(b"not a database at all" * 200)


def unplug(home: SickHome, stack: ExitStack) -> None:
    home.simulated.bridge.unplug()
    stack.callback(home.simulated.bridge.plug_in)


def no_answer_to_tls(home: SickHome, stack: ExitStack) -> None:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    home.config(home.simulated.bridge.address, f"127.0.0.1:{listener.getsockname()[1]}")


def unreachable_amazon(home: SickHome, _: ExitStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    text = home.deployment.config_file.read_text()
    home.deployment.config_file.write_text(
        text.replace(home.simulated.alexa.url, f"https://localhost:{port}")
    )


def cookies(*, stale: bool) -> Arrange:
    def arrange(home: SickHome, _: ExitStack) -> None:
        alexa = home.simulated.alexa
        values = {name: f"{value[:-4]}0000" if stale else value for name, value in alexa.cookies.items()}
        home.secrets(f'refresh_token: "{alexa.refresh_token}"', f"cookies: {json.dumps(values)}")

    return arrange


def reject_token(home: SickHome, _: ExitStack) -> None:
    home.simulated.alexa.account.end_access()  # the access that the collector got with the token
    home.simulated.alexa.faults.add("kind=refused-token")


def reject_token_of_a_new_home(home: SickHome, _: ExitStack) -> None:
    home.state("amazon.access_token")
    home.simulated.alexa.faults.add("kind=refused-token")


def unreachable_monitor(home: SickHome, _: ExitStack) -> None:
    serial = home.simulated.alexa.monitors[0].serial
    home.simulated.alexa.faults.add(f"kind=unreachable where={serial}")


def found_damage(home: SickHome, _: ExitStack) -> None:
    at = SystemClock().now() - timedelta(hours=1)
    home.state("upkeep.check", result="damaged", at=at.isoformat(), detail="row 7")


def last_backup(result: str, *, file: str = "readings-20260301T000000Z.db", **others: object) -> Arrange:
    """Let the last backup have ended like that, in a home in which there is one."""

    def arrange(home: SickHome, _: ExitStack) -> None:
        folder = home.data / "backups"
        folder.mkdir(exist_ok=True)
        (folder / "readings-20260301T000000Z.db").touch()
        at = SystemClock().now().isoformat()
        home.state("upkeep.backup", result=result, at=at, made_at=at, file=str(folder / file), **others)

    return arrange


def shift_slots(shift: str) -> Arrange:
    return sql(
        f"UPDATE outcomes SET slot = strftime('%Y-%m-%dT%H:%M:%S+00:00', slot, '{shift}')"  # noqa: S608
    )


COLUMNS = "interval_s, scheduled, state, cause, detail, readings, unread, until, notes"
ONE_SLOT_OF_2038 = sql(
    f"INSERT INTO outcomes (source, slot, {COLUMNS})"  # noqa: S608
    f" SELECT source, '2038-01-19T03:10:00+00:00', {COLUMNS} FROM outcomes WHERE source = 'hue' LIMIT 1"
)


def spool_a_cycle(home: SickHome, _: ExitStack) -> None:
    database = home.deployment.database
    kept = database.rename(database.with_name("aside"))
    database.mkdir()
    assert home.deployment.run("collect", "--cycles", "1", "--source", "hue").returncode == 0
    database.rmdir()
    kept.rename(database)


NO_KEY = secrets("api_key:", "# api_key:")
NO_TOKEN = secrets("refresh_token:", "# refresh_token:")
UNAVAILABLE = all_of(fault("bridge", "unavailable"), fault("alexa", "unavailable"))
DAMAGED = on_file("data/readings.db", damage)
NO_WAL = sql("PRAGMA journal_mode = DELETE")
SIMULATED = sql("UPDATE properties SET value = '1' WHERE name = 'is_simulated'")
INTERVAL = "interval_seconds: 300"
YAML_LINE = r"config\.yaml:\d+"

CASES = [
    Case("no config.yaml", on_file("config/config.yaml", remove), 2, {CONFIG: (FAIL, "homeclimate setup")}),
    Case("no config folder", on_file("config", remove), 2, {CONFIG: (FAIL, "")}),
    Case("invalid YAML", config(INTERVAL, f"{INTERVAL} ["), 2, {CONFIG: (FAIL, YAML_LINE)}),
    Case(
        "a folder as configuration",
        on_file("config/config.yaml", replace_by_folder),
        2,
        {CONFIG: (FAIL, "")},
    ),
    Case(
        "an unknown key",
        config("auto_discover", "auto_discovr"),
        0,
        {CONFIG: (WARN, r"config\.yaml:\d+, if you want")},
    ),
    Case("a wrong type", config(INTERVAL, "interval_seconds: often"), 2, {CONFIG: (FAIL, YAML_LINE)}),
    Case("a value out of range", config(INTERVAL, "interval_seconds: 0"), 2, {CONFIG: (FAIL, YAML_LINE)}),
    Case("a useless interval", config(INTERVAL, "interval_seconds: 30"), 0, {CONFIG: (WARN, YAML_LINE)}),
    Case("no source enabled", all_of(without_amazon, without_hue), 2, {CONFIG: (FAIL, "enabled to yes")}),
    Case("no secrets.yaml", on_file("config/secrets.yaml", remove), 2, {SECRETS: (FAIL, r"secrets\.yaml")}),
    Case(
        "secrets that are no YAML",
        file("config/secrets.yaml", b"hue: [api_key"),
        2,
        {SECRETS: (FAIL, r"secrets\.yaml:\d+")},
    ),
    Case(
        "secrets that are a list",
        file("config/secrets.yaml", b"- a\n- b\n"),
        2,
        {SECRETS: (FAIL, r"secrets\.yaml")},
    ),
    Case(
        "secrets readable by others",
        secrets_mode(0o644),
        1,
        {SECRETS: (FAIL, r"chmod 600 \S+secrets\.yaml")},
    ),
    Case("no Hue key", NO_KEY, 1, {SECRETS: (FAIL, "run homeclimate setup")}),
    Case("no Hue key, no other source", all_of(NO_KEY, without_amazon), 2, {SECRETS: (FAIL, "")}),
    Case("no credentials of Amazon", NO_TOKEN, 1, {SECRETS: (FAIL, "run homeclimate setup amazon")}),
    Case(
        "an invalid ping_url",
        lambda home, _: home.more_secrets('alerts: {ping_url: "example"}\n'),
        1,
        {SECRETS: (FAIL, r"secrets\.yaml")},
    ),
    Case(
        "a mail password beyond ASCII",
        lambda home, _: home.more_secrets('alerts: {mail_password: "Pässwört"}\n'),
        0,
        {},
    ),
    Case("no data folder", on_file("data", remove), 2, {DATABASE: (FAIL, "db accept")}),
    Case("a file as data folder", on_file("data", replace_by_file), 2, {DATABASE: (FAIL, "db accept")}),
    Case("an empty database", file("data/readings.db", b""), 2, {DATABASE: (FAIL, "restore")}),
    Case("a corrupt database", DAMAGED, 2, {DATABASE: (FAIL, "db check")}),
    Case(
        "a locked database",
        lambda home, stack: stack.enter_context(home.locked()),
        2,
        {DATABASE: (FAIL, "fuser")},
        ("--timeout", "8"),
        is_long=True,
    ),
    Case("a newer database", sql("PRAGMA user_version = 99"), 2, {DATABASE: (FAIL, "")}),
    Case("a simulated database", SIMULATED, 2, {DATABASE: (FAIL, "database_path")}),
    Case("WAL disabled", NO_WAL, 1, {"wal": (FAIL, "collect --once")}),
    Case("a synchronised folder", on_file(".stfolder", Path.mkdir), 1, {"database_place": (FAIL, "path")}),
    Case("damage in the daily check", found_damage, 1, {"last_check": (FAIL, "db check")}),
    Case("a backup", last_backup("ok"), 0, {}),
    Case("no room for a backup", last_backup("skipped", reason="full"), 1, {BACKUPS: (FAIL, "Do what")}),
    Case("a removed backup", last_backup("ok", file="gone.db"), 1, {BACKUPS: (FAIL, "tomorrow")}),
    Case(
        "a backup with other rows",
        last_backup("ok", kept={"old.db": "readings hue:a"}),
        0,
        {BACKUPS: (WARN, "db salvage old.db")},
    ),
    Case(
        "a second disk that is away",
        all_of(last_backup("ok"), more_config("backups: {copy_to: /nowhere}\n")),
        0,
        {BACKUPS: (WARN, "Mount")},
    ),
    Case("a disk nearly full", disk(100_000_000), 1, {"disk": (FAIL, "")}),
    Case(
        "a file where the log folder should be",
        on_file("logs", replace_by_file),
        1,
        {"logs": (FAIL, "log_file_path")},
    ),
    Case(
        "too many log files",
        more_config("logging: {backup_count: 99}\n"),
        0,
        {"logs": (WARN, YAML_LINE)},
    ),
    Case("an unplugged bridge", unplug, 1, {HUE: (FAIL, "switched on")}),
    Case("an unplugged bridge, no other source", all_of(without_amazon, unplug), 2, {HUE: (FAIL, "")}),
    Case("a silent bridge", fault("bridge", "silence"), 1, {HUE: (FAIL, "switched on")}, SHORT, is_long=True),
    Case("a silent port", no_answer_to_tls, 1, {HUE: (FAIL, "switched on")}, SHORT, is_long=True),
    Case(
        "a dripping bridge",
        fault("bridge", "dribble bytes=1 every=1"),
        1,
        {HUE: (FAIL, "switched on")},
        SHORT,
        is_long=True,
    ),
    Case("a throttling bridge", fault("bridge", "throttle retry_after=30"), 1, {HUE: (FAIL, "30 s")}),
    Case("a revoked Hue key", fault("bridge", "revoked"), 1, {HUE: (FAIL, "--reauth hue")}),
    Case("a wrong certificate", fault("bridge", "certificate"), 1, {HUE: (FAIL, "setup")}),
    Case("sensors without values", fault("bridge", "null"), 0, {HUE: (WARN, "batteries")}),
    Case("Amazon out of reach", unreachable_amazon, 1, {AMAZON: (FAIL, "internet")}),
    Case("Amazon silent", fault("alexa", "silence"), 1, {AMAZON: (FAIL, "internet")}, SHORT, is_long=True),
    Case("Amazon throttling", fault("alexa", "throttle retry_after=60"), 1, {AMAZON: (FAIL, "60 s")}),
    Case("a refused token", reject_token, 1, {AMAZON: (FAIL, "--reauth amazon")}),
    Case("a first refusal", reject_token_of_a_new_home, 1, {AMAZON: (FAIL, "next cycles.*--reauth amazon")}),
    Case("stale cookies", cookies(stale=True), 1, {AMAZON: (FAIL, "--reauth amazon")}),
    Case("good cookies", cookies(stale=False), 0, {}),
    Case("a missing monitor", more_config("    device_serial: NOSUCHSERIAL\n"), 0, {AMAZON: (WARN, "")}),
    Case("a silent monitor", unreachable_monitor, 0, {AMAZON: (WARN, "")}),
    Case("a stale collector", shift_slots("-2 days"), 1, {"last_cycle": (FAIL, "Start it")}),
    Case("a clock that was wrong once", ONE_SLOT_OF_2038, 0, {"clock": (WARN, "timedatectl")}),
    Case("a clock behind the last cycle", shift_slots("+2 days"), 1, {"clock": (FAIL, "timedatectl")}),
    Case(
        "an alert file",
        file("data/ALERT_TOKEN_REFRESH_NEEDED.txt", b"act"),
        1,
        {"alert_file": (FAIL, "cat ")},
    ),
    Case("a spool in use", spool_a_cycle, 1, {"spool": (FAIL, "database")}),
    Case(
        "four at once",
        all_of(fault("bridge", "revoked"), disk(1_000_000), NO_WAL, secrets_mode(0o666)),
        1,
        {HUE: (FAIL, "--reauth"), "disk": (FAIL, ""), "wal": (FAIL, "collect"), SECRETS: (FAIL, "chmod")},
    ),
    Case("all sources", UNAVAILABLE, 2, {HUE: (FAIL, ""), AMAZON: (FAIL, "")}),
]


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.proof] * case.is_long) for case in CASES],
    ids=[case.name.replace(" ", "-") for case in CASES],
)
def test_fault_is_found_and_no_other_component_is_blamed(
    case: Case, home: SickHome, read_out: ReadOut
) -> None:
    with ExitStack() as stack:
        case.arrange(home, stack)
        code, out, err = run_health(home, read_out, "--json", *case.arguments)
    report = json.loads(out)
    assert not_passed(report) == {name: status for name, (status, _) in case.expected.items()}, out
    assert (code, report["exitCode"], err) == (case.code, case.code, "")
    for name, (_, step) in case.expected.items():
        (check,) = report["checks"][name]
        assert check["output"]
        assert "***" not in check["output"] + check["nextStep"]
        assert re.search(step, check["nextStep"]), check
    assert not [secret for secret in home.secret_values() if secret in out + err]


def test_healthy_home_passes(home: SickHome, read_out: ReadOut) -> None:
    code, out, err = run_health(home, read_out, "--json")
    assert (code, err, not_passed(json.loads(out))) == (0, "", {})
