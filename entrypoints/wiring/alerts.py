"""Build what alerts people."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import entrypoints
from adapters.alerts.alert_file import AlertFile
from adapters.alerts.http_ping import HttpPing
from adapters.alerts.report_process import ReportProcess
from adapters.alerts.smtp_mail import MailServer, SmtpMail
from adapters.health.machine import DiskSpace
from adapters.sqlite.wal import WalFile
from config.loading import Loaded
from config.source_names import source_names
from domain.alerts.incidents import Patience
from domain.services.alerting import AlertChannels, Alerting
from entrypoints.process import typed_anywhere
from entrypoints.wiring.home import ALERT_FILE_SOURCE, Home
from ports.alerts import Heartbeat, Notifier, ReportMail
from ports.clock import Clock
from ports.retrier import Retrier


def alerting(home: Home, retrier: Retrier) -> Alerting:
    """Return what alerts the people of the home."""
    alerts = home.settings.alerts
    return Alerting(
        channels=AlertChannels(
            board=AlertFile(home.files.alert, journal=home.journal, data=home.data),
            board_source=ALERT_FILE_SOURCE,
            notifier=notifier(home.loaded, home.clock),
            heartbeat=_heartbeat(home),
        ),
        sources=source_names(home.loaded),
        state=home.saved_state,
        disk=home.environment.disk or DiskSpace(home.files.folder),
        wal=WalFile(home.files.database),
        retrier=retrier,
        clock=home.clock,
        journal=home.journal,
        home=str(home.loaded.home),
        as_typed=typed_anywhere(home.loaded.home),
        patience=Patience(source_cycles=alerts.silent_cycles, device_cycles=alerts.silent_device_cycles),
    )


def notifier(loaded: Loaded, clock: Clock) -> Notifier | None:
    """Return what sends mail, or None if no server is configured."""
    mail, password = loaded.settings.alerts.mail, loaded.secrets.alerts.mail_password
    if mail.host is None:
        return None
    server = MailServer(
        host=mail.host,
        port=mail.usual_port,
        security=mail.security,
        username=mail.username,
        password=password.value if password else None,
        ca_file=mail.ca_file,
    )
    return SmtpMail(server, sender=mail.sender or mail.recipients[0], recipients=mail.recipients, clock=clock)


def report_mail(home: Home) -> ReportMail | None:
    """Return what mails the weekly report, or None if the settings send none."""
    command = report_command(home.loaded)
    return None if command is None else ReportProcess(command, folder=Path(entrypoints.__file__).parents[1])


def report_command(loaded: Loaded) -> Sequence[str] | None:
    """Return the command that mails the report of this home, with the configuration that was loaded."""
    if loaded.settings.report.mail == "never" or loaded.settings.alerts.mail.host is None:
        return None
    command = [sys.executable, "-m", "entrypoints", "report", "--mail", "--child", "--home", str(loaded.home)]
    if loaded.is_other_configuration:
        command += ["--config", str(loaded.config_path)]
    return [*command, *(["--env", loaded.env] if loaded.env else [])]


def _heartbeat(home: Home) -> Heartbeat | None:
    alerts = home.secrets.alerts
    if alerts.ping_url is None or not alerts.is_ping_url_usable:
        return None
    return HttpPing(alerts.ping_url.value, clock=home.clock)
