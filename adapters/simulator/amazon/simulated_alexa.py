"""The Alexa service of the simulated home, as its owner sees it: address, tokens, truth, faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from adapters.simulator.amazon.account import Registration
from adapters.simulator.amazon.cookies import csrf, session_cookies
from adapters.simulator.amazon.hosts import DEFAULT_MARKET
from adapters.simulator.amazon.monitors import Monitor, monitors
from adapters.simulator.amazon.samples import is_reachable, sample_at
from adapters.simulator.amazon.service import AlexaService
from adapters.simulator.faults import Faults
from adapters.simulator.seen import SeenRequest
from adapters.simulator.server import LOOPBACK, ServerThread
from adapters.simulator.wire import Pace
from domain.reading import Quantity


class SimulatedAlexa:
    """Usable from any thread."""

    def __init__(self, service: AlexaService, ca_file: Path, server: ServerThread) -> None:
        self.ca_file = ca_file
        self._service = service
        self._account = service.alexa.account
        self._seed = service.alexa.seed
        self._server = server
        session = session_cookies(self._account, self._account.ready, DEFAULT_MARKET)
        self.cookies: Mapping[str, str] = {**session, "csrf": csrf(session["session-id"])}

    @property
    def address(self) -> str:
        """Where it answers, over HTTPS and under every name: data, tokens, cookies and the page for codes."""
        return f"{LOOPBACK}:{self._service.listener.port}"

    @property
    def url(self) -> str:
        """The same, to be given to a client as the base of all its addresses."""
        return f"https://{self.address}"

    @property
    def refresh_token(self) -> str:
        """A good one: a seed's is always the same."""
        return self._account.ready.refresh_token

    @property
    def monitors(self) -> Sequence[Monitor]:
        """Every monitor: `device_id`, `serial`, `name` (the owner's), `room`, `endpoint_id`, `entity_id`."""
        return monitors(self._seed)

    @property
    def registrations(self) -> Sequence[Registration]:
        """The apps and devices that are linked to the account now: `serial`, `name`, `refresh_token`."""
        return self._account.registrations

    @property
    def faults(self) -> Faults:
        return self._service.front.faults

    @property
    def requests(self) -> Sequence[SeenRequest]:
        """What it has been asked, oldest first."""
        return self._service.front.requests

    def value(self, serial: str, quantity: Quantity, instant: datetime) -> float:
        """What the service shows then, reachable or not, in the unit of the quantity."""
        return sample_at(self._seed, self._monitor(serial), quantity, instant.timestamp()).value

    def observed_at(self, serial: str, quantity: Quantity, instant: datetime) -> datetime:
        """When the sample was taken that the service shows then."""
        return sample_at(self._seed, self._monitor(serial), quantity, instant.timestamp()).at

    def is_reachable(self, serial: str, instant: datetime) -> bool:
        """Whether the service reaches the monitor then."""
        return is_reachable(self._seed, self._monitor(serial), instant.timestamp())

    def approve(self, public_code: str) -> bool:
        """Do what the person does who types the code on the page. False: there is no such code."""
        return self._service.alexa.code_pairs.answer(public_code, approve=True)

    def deny(self, public_code: str) -> bool:
        """Say on the page that it is not one's device. False: there is no such code."""
        return self._service.alexa.code_pairs.answer(public_code, approve=False)

    def revoke(self, refresh_token: str) -> None:
        """Remove an app or device from the account, as its owner does on the page for that."""
        registration = self._account.registration(refresh_token)
        if registration is not None:
            self._account.deregister(registration)

    def end_access(self) -> None:
        """Every access token that was given out until now is stale; new ones are good."""
        self._account.end_access()

    def end_sessions(self) -> None:
        """Every cookie that was given out until now is good for nothing."""
        self._account.end_sessions()

    def set_scale(self, scale: str) -> None:
        """From now on temperatures come in CELSIUS, FAHRENHEIT or KELVIN."""
        self._service.alexa.scale = scale

    def set_pace(self, pace: Pace) -> None:
        """From now on it is that slow."""
        self._service.front.pace = pace

    def unplug(self) -> None:
        """Stop answering: connections are refused until it is plugged in again, at the same address."""
        self._server.run(self._service.listener.close())

    def plug_in(self) -> None:
        """Answer again."""
        self._server.run(self._service.listener.open())

    def _monitor(self, serial: str) -> Monitor:
        return next(monitor for monitor in self.monitors if monitor.serial == serial)
