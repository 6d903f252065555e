"""What is wrong with a deployment is found, and nothing else is blamed: each fault on a real home."""

from __future__ import annotations

import json
import re
import shutil
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import attrs
import pytest

from adapters.memory.upkeep import MemoryDisk
from adapters.runtime.clock import SystemClock
from tests.acceptance.health.conftest import ReadOut
from tests.support.sick_homes import SickHome, asked_here

Arrange = Callable[[SickHome, ExitStack], object]
Found = Mapping[str, tuple[str, str]]  # of each component that is not well: its status, and the next step
HUE, AMAZON, CONFIG, SECRETS, DATABASE = "hue", "amazon", "configuration", "secrets", "database"
QUICK = ("--timeout", "4")


@attrs.frozen
class Case:
    """What is done to the home, the exit code, what is found, and further arguments."""

    name: str
    arrange: Arrange
    code: int
    found: Found
    arguments: tuple[str, ...] = ()
    is_long: bool = False  # it waits for a deadline, as a shorter one does


def bridge(spec: str) -> Arrange:
    return lambda home, _: home.simulated.bridge.faults.add(spec)


def alexa(spec: str) -> Arrange:
    return lambda home, _: home.simulated.alexa.faults.add(spec)


def config(old: str, new: str) -> Arrange:
    return lambda home, _: home.config(old, new)


def more_config(text: str) -> Arrange:
    return lambda home, _: home.more_config(text)


def secrets(old: str, new: str) -> Arrange:
    return lambda home, _: home.secrets(old, new)


def sql(*statements: str) -> Arrange:
    return lambda home, _: home.sql(*statements)


def both(*arranged: Arrange) -> Arrange:
    def arrange(home: SickHome, stack: ExitStack) -> None:
        for each in arranged:
            each(home, stack)

    return arrange


def without_amazon(home: SickHome, _: ExitStack) -> None:
    home.without_amazon()


def without_hue(home: SickHome, _: ExitStack) -> None:
    home.without_hue()


def unplugged(home: SickHome, stack: ExitStack) -> None:
    home.simulated.bridge.unplug()
    stack.callback(home.simulated.bridge.plug_in)


def a_silent_port(home: SickHome, stack: ExitStack) -> None:
    """Somebody listens at the bridge's address and never says a word, not even of TLS."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    home.config(home.simulated.bridge.address, f"127.0.0.1:{listener.getsockname()[1]}")


def no_such_amazon(home: SickHome, _: ExitStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    file = home.deployment.config_file
    file.write_text(file.read_text().replace(home.simulated.alexa.url, f"https://localhost:{port}"))


def with_cookies(*, stale: bool) -> Arrange:
    def arrange(home: SickHome, _: ExitStack) -> None:
        cookies = dict(home.simulated.alexa.cookies)
        if stale:
            cookies = {name: f"{value[:-4]}0000" for name, value in cookies.items()}
        token = home.simulated.alexa.refresh_token
        home.secrets(f'refresh_token: "{token}"', f"cookies: {json.dumps(cookies)}")

    return arrange


def refused(home: SickHome, _: ExitStack) -> None:
    home.simulated.alexa.end_access()  # what the collector got with the token before
    home.simulated.alexa.faults.add("kind=refused-token")


def a_monitor_unreachable(home: SickHome, _: ExitStack) -> None:
    serial = home.simulated.alexa.monitors[0].serial
    home.simulated.alexa.faults.add(f"kind=unreachable where={serial}")


def file(name: str, content: bytes) -> Arrange:
    def arrange(home: SickHome, _: ExitStack) -> None:
        path = home.deployment.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    return arrange


def gone(name: str) -> Arrange:
    def arrange(home: SickHome, _: ExitStack) -> None:
        path = home.deployment.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return arrange


def damaged(home: SickHome, _: ExitStack) -> None:
    with home.deployment.database.open("r+b") as database:
        database.write(b"not a database at all" * 200)


def locked(home: SickHome, stack: ExitStack) -> None:
    stack.enter_context(home.locked())


def a_folder_in_its_place(name: str) -> Arrange:
    def arrange(home: SickHome, _: ExitStack) -> None:
        path = home.deployment.folder / name
        if path.exists():
            gone(name)(home, _)
        path.mkdir()

    return arrange


def a_file_in_its_place(name: str) -> Arrange:
    return both(gone(name), file(name, b"in the way"))


def disk(free: int | None) -> Arrange:
    def arrange(home: SickHome, _: ExitStack) -> None:
        home.disk = MemoryDisk(free)

    return arrange


def checked(result: str, *, days_ago: float = 0, **more: str) -> Arrange:
    def arrange(home: SickHome, _: ExitStack) -> None:
        at = SystemClock().now() - timedelta(days=days_ago)
        home.state("upkeep.check", result=result, at=at.isoformat(), **more)

    return arrange


def slots(shift: str) -> Arrange:
    """Every cycle as if it had been at another time."""
    return sql(
        f"UPDATE outcomes SET slot = strftime('%Y-%m-%dT%H:%M:%S+00:00', slot, '{shift}')"  # noqa: S608
    )


def one_slot_of_2038(home: SickHome, _: ExitStack) -> None:
    copied = "interval_s, scheduled, state, cause, detail, readings, unread, until, notes"
    home.sql(
        f"INSERT INTO outcomes (source, slot, {copied})"  # noqa: S608
        f" SELECT source, '2038-01-19T03:10:00+00:00', {copied} FROM outcomes WHERE source = 'hue' LIMIT 1"
    )


def on_a_synchronised_folder(home: SickHome, _: ExitStack) -> None:
    (home.deployment.folder / ".stfolder").mkdir()


def spooled(home: SickHome, _: ExitStack) -> None:
    """Let the program itself spool: the database is in the way once."""
    database = home.deployment.database
    kept = database.rename(database.with_name("aside"))
    database.mkdir()
    assert home.deployment.run("collect", "--cycles", "1", "--source", "hue").returncode == 0
    database.rmdir()
    kept.rename(database)


CASES = [
    # the configuration
    Case("no config.yaml", gone("config/config.yaml"), 2, {CONFIG: ("fail", r"Mend \S+config\.yaml")}),
    Case("no config folder", gone("config"), 2, {CONFIG: ("fail", "Mend")}),
    Case(
        "invalid YAML",
        config("interval_seconds: 300", "interval_seconds: [300"),
        2,
        {CONFIG: ("fail", r"config\.yaml:\d+")},
    ),
    Case("an empty configuration", file("config/config.yaml", b""), 2, {CONFIG: ("fail", "Mend")}),
    Case("not UTF-8", file("config/config.yaml", b"logging: \xff"), 2, {CONFIG: ("fail", r"config\.yaml:1")}),
    Case(
        "a configuration that is a folder",
        a_folder_in_its_place("config/config.yaml"),
        2,
        {CONFIG: ("fail", "Mend")},
    ),
    Case(
        "an unknown key",
        config("auto_discover", "auto_discovr"),
        1,
        {CONFIG: ("fail", r"config\.yaml:\d+: did you mean auto_discover\?")},
    ),
    Case(
        "an unknown section",
        more_config("colection:\n  interval_seconds: 60\n"),
        1,
        {CONFIG: ("fail", r"config\.yaml:\d+")},
    ),
    Case(
        "a wrong type",
        config("interval_seconds: 300", "interval_seconds: often"),
        2,
        {CONFIG: ("fail", r"config\.yaml:2")},
    ),
    Case(
        "a value out of range",
        config("interval_seconds: 300", "interval_seconds: 0"),
        2,
        {CONFIG: ("fail", r"config\.yaml:2")},
    ),
    Case(
        "an interval in vain",
        config("interval_seconds: 300", "interval_seconds: 30"),
        0,
        {CONFIG: ("warn", r"config\.yaml:2")},
    ),
    Case("no source enabled", both(without_amazon, without_hue), 2, {CONFIG: ("fail", "enabled to yes")}),
    # the secrets
    Case("no secrets.yaml", gone("config/secrets.yaml"), 2, {SECRETS: ("fail", r"secrets\.yaml")}),
    Case(
        "secrets that are no YAML",
        file("config/secrets.yaml", b"hue: [api_key"),
        2,
        {SECRETS: ("fail", r"secrets\.yaml:\d+")},
    ),
    Case(
        "secrets that are a list",
        file("config/secrets.yaml", b"- a\n- b\n"),
        2,
        {SECRETS: ("fail", r"secrets\.yaml")},
    ),
    Case(
        "secrets readable by others",
        lambda home, _: home.deployment.secrets_file.chmod(0o644),
        1,
        {SECRETS: ("fail", r"chmod 600 \S+secrets\.yaml")},
    ),
    Case("no Hue key", secrets("api_key:", "# api_key:"), 1, {SECRETS: ("fail", "run homeclimate setup")}),
    Case(
        "no Hue key, and nothing else to ask",
        both(secrets("api_key:", "# api_key:"), without_amazon),
        2,
        {SECRETS: ("fail", "Mend")},
    ),
    Case(
        "no credentials of Amazon",
        secrets("refresh_token:", "# refresh_token:"),
        1,
        {SECRETS: ("fail", "run homeclimate setup amazon")},
    ),
    Case(
        "no credentials of Amazon, and nothing else to ask",
        both(secrets("refresh_token:", "# refresh_token:"), without_hue),
        2,
        {SECRETS: ("fail", "Mend")},
    ),
    Case(
        "a secret under a mistyped name",
        secrets("refresh_token:", "refresh_tokn:"),
        1,
        {SECRETS: ("fail", r"secrets\.yaml")},
    ),
    Case(
        "a ping_url that is none",
        lambda home, _: home.deployment.secrets_file.write_text(
            home.deployment.secrets_file.read_text() + 'alerts: {ping_url: "example"}\n'
        ),
        1,
        {SECRETS: ("fail", r"secrets\.yaml")},
    ),
    # the database
    Case("no data folder", gone("data"), 2, {DATABASE: ("fail", "mkdir -p")}),
    Case(
        "a file where the data folder should be",
        a_file_in_its_place("data"),
        2,
        {DATABASE: ("fail", "mkdir -p")},
    ),
    Case("an empty database", file("data/readings.db", b""), 2, {DATABASE: ("fail", "restore")}),
    Case("a corrupt database", damaged, 2, {DATABASE: ("fail", "db check")}),
    Case(
        "a folder where the database should be",
        a_folder_in_its_place("data/readings.db"),
        2,
        {DATABASE: ("fail", "")},
    ),
    Case("a locked database", locked, 2, {DATABASE: ("fail", "fuser")}, ("--timeout", "8"), is_long=True),
    Case(
        "a database from a newer version",
        sql("PRAGMA user_version = 99"),
        2,
        {DATABASE: ("fail", "Do what this says")},
    ),
    Case(
        "another program's database",
        sql("ALTER TABLE readings RENAME TO others"),
        2,
        {DATABASE: ("fail", "database_path")},
    ),
    Case(
        "a simulated home's database",
        sql("UPDATE properties SET value = '1' WHERE name = 'is_simulated'"),
        2,
        {DATABASE: ("fail", "database_path")},
    ),
    Case("WAL disabled", sql("PRAGMA journal_mode = DELETE"), 1, {"wal": ("fail", "collect --once")}),
    Case("a synchronised folder", on_a_synchronised_folder, 1, {"database_place": ("fail", "database_path")}),
    Case(
        "damage found by the daily check",
        checked("damaged", detail="row 7"),
        1,
        {"last_check": ("fail", "db check")},
    ),
    Case(
        "a daily check that failed",
        checked("failed", reason="no room"),
        1,
        {"last_check": ("fail", "db check")},
    ),
    Case("a daily check of last week", checked("ok", days_ago=7), 0, {"last_check": ("warn", "db check")}),
    # disk and log
    Case("a disk nearly full", disk(100_000_000), 1, {"disk": ("fail", "Make room")}),
    Case("a disk that fills", disk(300_000_000), 0, {"disk": ("warn", "Make room")}),
    Case("a disk that tells nothing", disk(None), 0, {"disk": ("warn", "df -h")}),
    Case(
        "a file where the log folder should be",
        a_file_in_its_place("logs"),
        1,
        {"logs": ("fail", "log_file_path")},
    ),
    Case(
        "a log file over the bound",
        more_config("logging: {max_bytes: 10485760}\n"),
        0,
        {"logs": ("warn", r"config\.yaml:\d+")},
    ),
    Case(
        "too many log files",
        more_config("logging: {backup_count: 99}\n"),
        0,
        {"logs": ("warn", r"config\.yaml:\d+")},
    ),
    # the bridge
    Case("an unplugged bridge", unplugged, 1, {HUE: ("fail", "switched on")}),
    Case(
        "an unplugged bridge, and nothing else",
        both(without_amazon, unplugged),
        2,
        {HUE: ("fail", "switched on")},
    ),
    Case("a bridge that is silent", bridge("kind=silence"), 1, {HUE: ("fail", "switched on")}, QUICK),
    Case("a port that is silent", a_silent_port, 1, {HUE: ("fail", "switched on")}, QUICK, is_long=True),
    Case(
        "a bridge that drips",
        bridge("kind=dribble bytes=1 every=1"),
        1,
        {HUE: ("fail", "switched on")},
        QUICK,
        is_long=True,
    ),
    Case("a bridge that resets", bridge("kind=reset"), 1, {HUE: ("fail", "switched on")}),
    Case("a bridge in trouble", bridge("kind=unavailable"), 1, {HUE: ("fail", "switched on")}),
    Case("a bridge that throttles", bridge("kind=throttle retry_after=30"), 1, {HUE: ("fail", "30 s")}),
    Case("a garbled bridge", bridge("kind=html"), 1, {HUE: ("fail", "")}),
    Case("a bridge that sends too much", bridge("kind=huge"), 1, {HUE: ("fail", "")}),
    Case("a bridge that redirects", bridge("kind=redirect"), 1, {HUE: ("fail", "setup")}),
    Case("a wrong Hue key", secrets('api_key: "', 'api_key: "wrong'), 1, {HUE: ("fail", "--reauth hue")}),
    Case("a revoked Hue key", bridge("kind=revoked"), 1, {HUE: ("fail", "--reauth hue")}),
    Case(
        "another bridge at the address",
        secrets('bridge_id: "', 'bridge_id: "0017880000000000" # "'),
        1,
        {HUE: ("fail", "setup")},
    ),
    Case("a bad certificate", bridge("kind=certificate"), 1, {HUE: ("fail", "setup")}),
    Case(
        "a certificate that it made itself",
        bridge("kind=certificate which=self-signed"),
        1,
        {HUE: ("fail", "setup")},
    ),
    Case("sensors without values", bridge("kind=null"), 0, {HUE: ("warn", "batteries")}),
    # the account
    Case("Amazon out of reach", no_such_amazon, 1, {AMAZON: ("fail", "internet")}),
    Case(
        "Amazon out of reach, and nothing else",
        both(without_hue, no_such_amazon),
        2,
        {AMAZON: ("fail", "internet")},
    ),
    Case("Amazon silent", alexa("kind=silence"), 1, {AMAZON: ("fail", "internet")}, QUICK),
    Case("Amazon throttling", alexa("kind=throttle retry_after=60"), 1, {AMAZON: ("fail", "60 s")}),
    Case("Amazon throttling inside", alexa("kind=throttled-inside"), 1, {AMAZON: ("fail", "Try again")}),
    Case("Amazon in trouble", alexa("kind=unavailable"), 1, {AMAZON: ("fail", "internet")}),
    Case("Amazon refusing", alexa("kind=forbidden"), 1, {AMAZON: ("fail", "")}),
    Case("Amazon garbled", alexa("kind=garbled"), 1, {AMAZON: ("fail", "")}),
    Case("a refused token", refused, 1, {AMAZON: ("fail", "--reauth amazon")}),
    Case("stale cookies", with_cookies(stale=True), 1, {AMAZON: ("fail", "--reauth amazon")}),
    Case("good cookies", with_cookies(stale=False), 0, {}),
    Case(
        "a monitor that there is not",
        more_config("    device_serial: NOSUCHSERIAL\n"),
        0,
        {AMAZON: ("warn", "")},
    ),
    Case("a silent monitor", a_monitor_unreachable, 0, {AMAZON: ("warn", "")}),
    # what runs, or should
    Case("a stale collector", slots("-2 days"), 1, {"last_cycle": ("fail", "Start it")}),
    Case("a clock that was wrong once", one_slot_of_2038, 0, {"clock": ("warn", "timedatectl")}),
    Case("a clock before the last reading", slots("+2 days"), 1, {"clock": ("fail", "timedatectl")}),
    Case(
        "an alert file",
        file("data/ALERT_TOKEN_REFRESH_NEEDED.txt", b"act"),
        1,
        {"alert_file": ("fail", "cat ")},
    ),
    Case("a spool in use", spooled, 1, {"spool": ("fail", "database")}),
    # several at once
    Case(
        "four at once",
        both(
            bridge("kind=revoked"),
            disk(1_000_000),
            sql("PRAGMA journal_mode = DELETE"),
            lambda home, _: home.deployment.secrets_file.chmod(0o666),
        ),
        1,
        {
            HUE: ("fail", "--reauth hue"),
            "disk": ("fail", "Make room"),
            "wal": ("fail", "collect"),
            SECRETS: ("fail", "Mend"),
        },
    ),
    Case(
        "both sources, and the database",
        both(bridge("kind=unavailable"), alexa("kind=unavailable"), damaged),
        2,
        {HUE: ("fail", ""), AMAZON: ("fail", ""), DATABASE: ("fail", "")},
    ),
    Case(
        "all sources",
        both(bridge("kind=unavailable"), alexa("kind=unavailable")),
        2,
        {HUE: ("fail", ""), AMAZON: ("fail", "")},
    ),
]


def not_well(told: dict[str, Any]) -> dict[str, str]:
    """The components that fail or warn; SQLite's version is this machine's."""
    return {
        name: check["status"]
        for name, (check,) in told["checks"].items()
        if check["status"] in ("fail", "warn") and name not in ("sqlite", "environment")
    }


def assert_no_secret(home: SickHome, *texts: str) -> None:
    marked = [home.simulated.bridge.key, home.simulated.alexa.refresh_token]
    marked += [value for value in home.simulated.alexa.cookies.values() if len(value) > 5]
    for secret in marked:
        assert not any(secret in text for text in texts)


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.proof] * case.is_long) for case in CASES],
    ids=[case.name.replace(" ", "-") for case in CASES],
)
def test_a_fault_is_found_and_nothing_else_is_blamed(case: Case, home: SickHome, read_out: ReadOut) -> None:
    with ExitStack() as stack:
        case.arrange(home, stack)
        code, out, err = asked_here(home, read_out, "--json", *case.arguments)
        told = json.loads(out)
        assert not_well(told) == {name: status for name, (status, _) in case.found.items()}, out
        assert (code, told["exitCode"], err) == (case.code, case.code, "")
        for name, (_, step) in case.found.items():
            (check,) = told["checks"][name]
            assert check["output"]
            assert "***" not in check["output"] + check["nextStep"]
            assert re.search(step, check["nextStep"]), check
        assert_no_secret(home, out, err)


def test_there_are_enough_faults_and_each_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


def test_a_well_home_is_well(home: SickHome, read_out: ReadOut) -> None:
    code, out, err = asked_here(home, read_out, "--json")
    assert (code, err, not_well(json.loads(out))) == (0, "", {})
