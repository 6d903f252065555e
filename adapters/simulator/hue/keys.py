"""Application keys of a bridge, and pairing: the link button and `POST /api`."""

from __future__ import annotations

import json
import secrets
import string
from datetime import datetime, timedelta

import attrs

from adapters.simulator.chance import hexadecimal
from ports.clock import Clock

BUTTON_S = 30.0
_KEY_CHARACTERS = string.ascii_letters + string.digits
_KEY_LENGTH = 40
_DEVICETYPE_CHARACTERS = 40
_APPLICATION_CHARACTERS = 20
_DEVICE_CHARACTERS = 19
_PARAMETERS = ("devicetype", "generateclientkey")
_OTHER_APPS = (
    "Hue 5#phone",
    "Hue Essentials#tablet",
    "Home Assistant#hub",
    "iConnectHue#phone",
    "hue_sync#desk",
    "hk#kitchen speaker",
)


class PairingError(Exception):
    """A request for a key is refused, with the type and the address of a v1 error."""

    def __init__(self, kind: int, address: str, description: str) -> None:
        super().__init__(description)
        self.kind = kind
        self.address = address


@attrs.define
class Application:
    """The application that has a key."""

    name: str
    created: datetime
    last_used: datetime


class ApplicationKeys:
    """Keys that a bridge has given out. Used by the server's thread; any thread may press the button."""

    def __init__(self, clock: Clock, ready_key: str, bridge_id: str) -> None:
        self._clock = clock
        self._pressed_s: float | None = None
        now = clock.now()
        self.applications = {
            hexadecimal(_KEY_LENGTH, bridge_id, "key", name): Application(
                name, now - timedelta(days=90 * number), now - timedelta(days=number)
            )
            for number, name in enumerate(_OTHER_APPS, start=1)
        }
        self.applications[ready_key] = Application("homeclimate#simulator", now, now)

    def press_button(self) -> None:
        """Let applications pair for 30 s."""
        self._pressed_s = self._clock.elapsed_s()

    @property
    def is_pairing(self) -> bool:
        """Return whether the button was pressed less than 30 s ago."""
        return self._pressed_s is not None and self._clock.elapsed_s() - self._pressed_s < BUTTON_S

    def accept(self, key: str) -> bool:
        """Return whether the key is valid, and note that it was used."""
        application = self.applications.get(key)
        if application is not None:
            application.last_used = self._clock.now()
        return application is not None

    def revoke(self, key: str) -> None:
        """Remove a key."""
        self.applications.pop(key, None)

    def pair(self, body: bytes) -> dict[str, str]:
        """Return a new key for a valid request while the button counts as pressed. Raise PairingError."""
        try:
            content = json.loads(body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise PairingError(2, "", "body contains invalid json")
        for name in content:
            if name not in _PARAMETERS:
                raise PairingError(6, f"/{name}", f"parameter, {name}, not available")
        if "devicetype" not in content:
            raise PairingError(5, "", "invalid/missing parameters in body")
        for name in _PARAMETERS:
            if name in content and not _is_valid(name, content[name]):
                value = content[name] if isinstance(content[name], str) else json.dumps(content[name])
                raise PairingError(7, f"/{name}", f"invalid value, {value}, for parameter, {name}")
        if not self.is_pairing:
            raise PairingError(101, "", "link button not pressed")
        key = "".join(secrets.choice(_KEY_CHARACTERS) for _ in range(_KEY_LENGTH))
        self.applications[key] = Application(content["devicetype"], self._clock.now(), self._clock.now())
        client_key = {"clientkey": secrets.token_hex(16).upper()} if content.get("generateclientkey") else {}
        return {"username": key, **client_key}


def _is_valid(name: str, value: object) -> bool:
    if name == "generateclientkey":
        return isinstance(value, bool)
    if not isinstance(value, str) or not 0 < len(value) <= _DEVICETYPE_CHARACTERS:
        return False
    application, _, device = value.partition("#")
    return "#" not in value or (
        0 < len(application) <= _APPLICATION_CHARACTERS and len(device) <= _DEVICE_CHARACTERS
    )
