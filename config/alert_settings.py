"""What a home can set about how people are told of trouble."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import attrs

from config.markers import Between, Meaning
from domain.values import frozen

MailSecurity = Literal["starttls", "tls", "none"]
_USUAL_PORTS: dict[MailSecurity, int] = {"starttls": 587, "tls": 465, "none": 25}


@frozen(kw_only=True)
class MailSettings:
    """Mail is off without a host."""

    host: Annotated[str | None, Meaning("The server that takes mail; null sends none.")] = None
    port: Annotated[
        int | None,
        Meaning("Its port; null is the usual one: 587 with starttls, 465 with tls, 25 with none."),
        Between(least=1, most=65_535),
    ] = None
    security: Annotated[
        MailSecurity, Meaning("starttls or tls; none sends in plain, which is for this computer only.")
    ] = "starttls"
    username: Annotated[
        str | None, Meaning("Who signs in, with alerts.mail_password of the secrets; null signs nobody in.")
    ] = None
    sender: Annotated[str | None, Meaning("Whom mails come from; null is the first recipient.")] = None
    recipients: Annotated[tuple[str, ...], Meaning("The addresses that are told.")] = ()
    ca_file: Annotated[
        Path | None,
        Meaning("Authorities that the certificate may come from; null: the system's."),
    ] = None

    @property
    def usual_port(self) -> int:
        return self.port or _USUAL_PORTS[self.security]


@frozen(kw_only=True)
class AlertsSettings:
    silent_cycles: Annotated[
        int, Meaning("After so many cycles without an answer a source counts as silent."), Between(least=1)
    ] = 3
    silent_device_cycles: Annotated[
        int, Meaning("After so many cycles without a reading a device counts as silent."), Between(least=1)
    ] = 12
    mail: MailSettings = attrs.field(factory=MailSettings)
