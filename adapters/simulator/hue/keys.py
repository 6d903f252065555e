"""The application keys that a bridge has given out, and the button that lets it give out another."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from adapters.simulator.chance import hexadecimal
from ports.clock import Clock

BUTTON_S = 30.0
_KEY_CHARACTERS = string.ascii_letters + string.digits
_KEY_LENGTH = 40
_OTHER_APPS = (
    "Hue 5#phone",
    "Hue Essentials#tablet",
    "Home Assistant#hub",
    "iConnectHue#phone",
    "hue_sync#desk",
    "hk#kitchen speaker",
)


@attrs.define
class Application:
    """Who a key was given to."""

    name: str
    created: datetime
    last_used: datetime


class ApplicationKeys:
    """A bridge's list of known applications. Used from the server's thread; the button from any."""

    def __init__(self, clock: Clock, ready_key: str, bridge_id: str) -> None:
        self._clock = clock
        self._pressed_s: float | None = None
        now = clock.now()
        self._applications = {
            hexadecimal(_KEY_LENGTH, bridge_id, "key", name): Application(
                name, now - timedelta(days=90 * number), now - timedelta(days=number)
            )
            for number, name in enumerate(_OTHER_APPS, start=1)
        }
        self._applications[ready_key] = Application("homeclimate#simulator", now, now)

    def press_button(self) -> None:
        """For half a minute from now on, applications can pair."""
        self._pressed_s = self._clock.elapsed_s()

    @property
    def is_pairing(self) -> bool:
        """Whether the button was pressed just now."""
        return self._pressed_s is not None and self._clock.elapsed_s() - self._pressed_s < BUTTON_S

    def knows(self, key: str) -> bool:
        """Whether the key is good; remembers that it was used."""
        application = self._applications.get(key)
        if application is not None:
            application.last_used = self._clock.now()
        return application is not None

    def give(self, name: str) -> str:
        """A new key for an application."""
        key = "".join(secrets.choice(_KEY_CHARACTERS) for _ in range(_KEY_LENGTH))
        self._applications[key] = Application(name, self._clock.now(), self._clock.now())
        return key

    def revoke(self, key: str) -> None:
        """Forget a key, as when its owner removes the application."""
        self._applications.pop(key, None)

    @property
    def applications(self) -> Mapping[str, Application]:
        """Everybody who has a key."""
        return self._applications


class NoKeys(ApplicationKeys):
    """A bridge that has forgotten every application."""

    def knows(self, key: str) -> bool:  # noqa: ARG002
        return False
