"""Sends a mail, to see whether it can be sent."""

from __future__ import annotations

from domain.alert_text import Message
from domain.errors import NotifyError
from domain.health import Answer, Weight, failed, passed
from domain.values import frozen
from ports.clock import Clock
from ports.notifier import Notifier


@frozen(kw_only=True)
class MailProbe:
    """One mail, marked as a test. `limit_s` is all the time that it has."""

    notifier: Notifier
    clock: Clock
    limit_s: float
    home: str
    component: str = "mail"
    weight: Weight = Weight.ORDINARY

    async def look(self) -> Answer:
        message = Message(
            subject="homeclimate: a test",
            text=f"Asked for with `health --send-test-mail`: nothing is wrong.\n\nHome: {self.home}\n",
        )
        try:
            await self.notifier.send(message, self.clock.elapsed_s() + self.limit_s)
        except NotifyError as error:
            return failed(
                str(error), "Mend alerts.mail in config.yaml, or alerts.mail_password in secrets.yaml."
            )
        return passed("the mail server has taken a test; look whether it arrives")
