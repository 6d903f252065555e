"""`homeclimate report`: a file that opens anywhere, and the weekly mail."""

from __future__ import annotations

import email
import email.policy
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from adapters.memory.runtime import MemoryJournal
from adapters.runtime.clock import SystemClock
from adapters.sqlite.store import SqliteStore
from config.loading import load
from domain.cycle import CycleReport
from domain.reading import DeviceKind, Quantity
from domain.schedule import slot_at
from entrypoints.wiring.alerts import report_command
from tests.acceptance.conftest import RunHere
from tests.support.alert_servers import MailHandler, mail_server
from tests.support.builders import a_collected, a_cycle, a_due, a_reading
from tests.support.deployments import Deployment
from tests.support.grown_home import append_fast

STEP = timedelta(minutes=5)
PASSWORD = "correct-horse-battery"
# Mean and spread of the noise of a monitor's quantities.
AIR = {
    Quantity.TEMPERATURE: (20.0, 2.0),
    Quantity.RELATIVE_HUMIDITY: (45.0, 8.0),
    Quantity.PM25: (8.0, 6.0),
    Quantity.PM10: (11.0, 8.0),
    Quantity.VOC_INDEX: (30.0, 25.0),
    Quantity.CARBON_MONOXIDE: (0.4, 0.3),
    Quantity.IAQ_SCORE: (80.0, 15.0),
}


def store_cycles(deployment: Deployment, cycles: int, *, sensors: int, monitors: int) -> None:
    """Store readings up to now with noise that no compression finds; a device is silent now and then."""
    chance, clock = random.Random(1), SystemClock()  # noqa: S311 - noise
    newest = slot_at(clock.now(), 300)

    def report(number: int) -> CycleReport:
        slot = newest - (cycles - 1 - number) * STEP
        readings = [
            a_reading(f"hue:{n}", collected_at=slot, location=f"Room {n}", temperature=chance.gauss(20, 3))
            for n in range(sensors)
            if chance.random() > 0.01
        ]
        readings += [
            a_reading(
                f"alexa:{n}",
                kind=DeviceKind.ALEXA_AQM,
                collected_at=slot,
                location=f"Air {n}",
                **{one.value: round(max(0, chance.gauss(*AIR[one])), 2) for one in AIR},
            )
            for n in range(monitors)
        ]
        return a_cycle(a_collected(*readings, due=a_due(slot=slot)))

    deployment.database.parent.mkdir(exist_ok=True)
    SqliteStore(deployment.database, journal=MemoryJournal(), clock=clock).close()
    append_fast(deployment.database, (report(number) for number in range(cycles)))


@pytest.fixture
def home(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A home with an hour of readings. Its folder is the working folder."""
    store_cycles(deployment, 12, sensors=2, monitors=1)
    monkeypatch.chdir(deployment.folder)
    return deployment


@pytest.fixture
def mails(home: Deployment) -> Iterator[MailHandler]:
    """What a mail server has accepted from the home, which reports weekly."""
    handler = MailHandler()
    with mail_server(handler) as port:
        mail = f"host: localhost, port: {port}, security: none, recipients: [me@example.org]"
        with home.config_file.open("a") as config:
            config.write(f"alerts: {{mail: {{{mail}}}}}\nreport: {{mail: weekly}}\n")
        with home.secrets_file.open("a") as secrets:
            secrets.write(f"alerts: {{mail_password: {PASSWORD}}}\n")
        yield handler


def received(handler: MailHandler) -> list[EmailMessage]:
    contents = [envelope.content for envelope in handler.envelopes]
    return [
        email.message_from_bytes(content, policy=email.policy.default)
        for content in contents
        if isinstance(content, bytes)
    ]


def page_of(mail: EmailMessage) -> str:
    (attached,) = mail.iter_attachments()
    page = attached.get_content()
    assert isinstance(page, str)
    return page


def test_report_has_a_dated_name_and_no_address(home: Deployment, run_here: RunHere) -> None:
    done = run_here(home, "report")
    assert (done.returncode, done.stderr) == (0, "")
    (page,) = home.folder.glob("homeclimate-20??-??-??.html")
    text = page.read_text()
    assert "Room 1" in text
    assert "://" not in text.replace("http://www.w3.org/", "")
    assert run_here(home, "report").returncode == 0  # a newer one of the same day replaces it
    assert {path.name for path in home.folder.iterdir()} == {"config", "data", page.name}


def test_report_never_replaces_a_folder(home: Deployment, run_here: RunHere) -> None:
    assert run_here(home, "report").returncode == 0
    (page,) = home.folder.glob("*.html")
    page.unlink()
    page.mkdir()
    for arguments in ((), ("--output", str(page)), ("--output", "none/report.html")):
        done = run_here(home, "report", *arguments)
        assert done.returncode == 64, done
        assert "folder" in done.stderr or "directory" in done.stderr
    assert list(page.iterdir()) == []


@pytest.mark.proof
def test_thirty_days_of_eleven_devices_fit_into_a_mail(deployment: Deployment, run_here: RunHere) -> None:
    store_cycles(deployment, 30 * 288, sensors=8, monitors=3)
    page = deployment.folder / "report.html"
    for since in ("30d", "7d"):
        assert run_here(deployment, "report", "--since", since, "--output", str(page)).returncode == 0
        assert 300_000 < page.stat().st_size < 1_000_000, since


def test_report_is_mailed_now(home: Deployment, mails: MailHandler, run_here: RunHere) -> None:
    done = run_here(home, "report", "--mail")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the mail server accepted the report, 0.1 MB, for me@example.org")
    (mail,) = received(mails)
    assert mail["Subject"].startswith("[homeclimate] report of 20")
    body = mail.get_body(("plain",))
    assert body is not None
    assert "  Room 0                            100.0 %" in body.get_content()
    assert "  Room 1                             91.7 %" in body.get_content()  # silent in one slot of 12
    page = page_of(mail)
    assert "Room 1" in page
    assert PASSWORD not in page + body.get_content()
    assert not list(home.folder.glob("*.html"))


def test_mail_that_is_refused_is_an_error_with_the_next_step(
    home: Deployment, mails: MailHandler, run_here: RunHere
) -> None:
    mails.answer = "554 no"
    done = run_here(home, "report", "--mail")
    assert done.returncode == 1
    assert "the report was not mailed: localhost replied with error 554" in done.stderr
    assert "health --send-test-mail" in done.stderr


def test_without_a_mail_server_the_file_to_change_is_named(home: Deployment, run_here: RunHere) -> None:
    done = run_here(home, "report", "--mail")
    assert done.returncode == 78
    assert f"no mail server is configured. Fill in alerts.mail of {home.config_file}" in done.stderr


def make_report_due(home: Deployment) -> None:
    """Let the last one be of months ago."""
    file = home.folder / "data" / "state.json"
    state = json.loads(file.read_text())
    assert state["upkeep.report"]["result"] == "skipped", "none is sent at the first start"
    state["upkeep.report"]["at"] = "2026-01-01T00:00:00+00:00"
    file.write_text(json.dumps(state))


def saved(home: Deployment) -> Any:
    return json.loads(home.run("status", "--json").stdout)["state"]


@pytest.mark.proof
def test_weekly_report_is_sent_once_by_collectors_of_cron(home: Deployment, mails: MailHandler) -> None:
    assert home.run("collect", "--once").returncode == 0
    make_report_due(home)
    for _ in range(2):
        assert home.run("collect", "--once").returncode == 0
    (mail,) = [mail for mail in received(mails) if "report of" in mail["Subject"]]
    assert "Room 1" in page_of(mail)
    assert saved(home)["upkeep.report"]["result"] == "ok"


@pytest.mark.proof
def test_weekly_report_that_fails_costs_no_reading_and_no_alert(home: Deployment, mails: MailHandler) -> None:
    mails.answer = "451 later"
    assert home.run("collect", "--once").returncode == 0
    waiting = [one["subject"] for one in saved(home)["notifier"]["waiting"]]
    assert waiting, "batteries of simulated sensors are low"
    make_report_due(home)
    ((before,),) = home.rows("SELECT count(*) FROM readings")
    assert home.run("collect", "--once", "--now").returncode == 0
    assert home.rows("SELECT count(*) FROM readings") == [(before + 8,)]
    assert "weekly report: the report was not mailed: localhost replied" in home.run("status").stdout
    mails.answer = "250 OK"
    assert home.run("collect", "--once").returncode == 0
    assert [mail["Subject"].removeprefix("[homeclimate] ") for mail in received(mails)] == waiting


def test_options_exclude_each_other(home: Deployment, run_here: RunHere) -> None:
    assert run_here(home, "report", "--mail", "--output", "a.html").returncode == 64


MAIL = "alerts: {mail: {host: localhost, recipients: [me@example.org]}}\n"
WEEKLY = "report: {mail: weekly}\n"


@pytest.mark.parametrize(("config", "is_mailed"), [(MAIL, False), (WEEKLY, False), (MAIL + WEEKLY, True)])
def test_collector_mails_the_report_only_when_it_is_wanted(
    deployment: Deployment, config: str, is_mailed: bool
) -> None:
    with deployment.config_file.open("a") as file:
        file.write(config)
    (deployment.folder / "config" / "config.test.yaml").write_text("logging: {level: DEBUG}\n")
    command = report_command(load(deployment.folder))
    assert (command is not None) == is_mailed
    command = report_command(load(deployment.folder, env="test"))
    end = ["--home", str(deployment.folder), "--config", str(deployment.config_file), "--env", "test"]
    assert (command or end)[-6:] == end
