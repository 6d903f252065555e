"""The part of the composition root that lets people be told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from config.loading import Loaded
from domain.incidents import Patience
from domain.services.alerting import AlertChannels, Alerting
from entrypoints.process import program_name
from entrypoints.wiring.sources import source_names
from entrypoints.wiring.storage import ALERT_FILE_SOURCE, alert_file
from ports.alerts import Heartbeat, Notifier
from ports.journal import Journal
from ports.retrier import Retrier
from ports.state import State

if TYPE_CHECKING:
    from entrypoints.wiring.environment import Environment


def alerting(
    loaded: Loaded, environment: Environment, *, state: State, retrier: Retrier, journal: Journal
) -> Alerting:
    """What tells the people of this home."""
    from adapters.alerts.alert_file import AlertFile
    from adapters.files.saved_state import SavedState
    from adapters.health.machine import DiskSpace
    from adapters.sqlite.wal import WalFile

    data = loaded.settings.storage.database_path.parent
    alerts = loaded.settings.alerts
    return Alerting(
        channels=AlertChannels(
            board_source=ALERT_FILE_SOURCE,
            board=AlertFile(alert_file(loaded.settings), journal=journal),
            notifier=notifier(loaded, environment),
            heartbeat=_heartbeat(loaded, environment),
        ),
        sources=source_names(loaded),
        state=SavedState(state),
        disk=environment.disk or DiskSpace(data),
        log=WalFile(loaded.settings.storage.database_path),
        retrier=retrier,
        clock=environment.clock,
        journal=journal,
        home=str(_home(loaded)),
        program=program_name(os.environ),
        patience=Patience(source_cycles=alerts.silent_cycles, device_cycles=alerts.silent_device_cycles),
    )


def _home(loaded: Loaded) -> Path:
    return loaded.secrets_path.parent.parent


def notifier(loaded: Loaded, environment: Environment) -> Notifier | None:
    """What sends mail; None where no server is configured."""
    mail = loaded.settings.alerts.mail
    if mail.host is None:
        return None
    from adapters.alerts.smtp_mail import MailServer, SmtpMail

    password = loaded.secrets.alerts.mail_password
    server = MailServer(
        host=mail.host,
        port=mail.usual_port,
        security=mail.security,
        username=mail.username,
        password=password.value if password else None,
        ca_file=mail.ca_file,
    )
    sender = mail.sender or mail.recipients[0]
    return SmtpMail(server, sender=sender, recipients=mail.recipients, clock=environment.clock)


def _heartbeat(loaded: Loaded, environment: Environment) -> Heartbeat | None:
    url = loaded.secrets.alerts.ping_url
    if url is None or not url.value.startswith(("https://", "http://")):
        return None
    from adapters.alerts.http_ping import HttpPing

    return HttpPing(url.value, clock=environment.clock)
