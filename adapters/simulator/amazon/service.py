"""The simulated Alexa service: the requests that it answers, its port, and its owner's view of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from pathlib import Path
from urllib.parse import parse_qs

import attrs

from adapters.simulator import templates
from adapters.simulator.amazon import graphql, oauth
from adapters.simulator.amazon.account import Account, csrf_number, parse_cookies
from adapters.simulator.amazon.endpoints import (
    Live,
    echo_serial,
    endpoint_templates,
    endpoints,
    phoenix_state,
)
from adapters.simulator.amazon.monitors import Monitor, is_reachable, monitors, sample_at
from adapters.simulator.amazon.replies import (
    DEFAULT_MARKET,
    code_page,
    damage,
    json_reply,
    market,
    neighbour,
    page,
    redirect,
    sign_in_page,
)
from adapters.simulator.certificates import AMAZON_CA_FILE, Certificate, shipped
from adapters.simulator.faults import Effect, HugeBody, RevokedKey, StaleToken
from adapters.simulator.messages import Json, Reply, Request
from adapters.simulator.network import NetworkService, Server, ServerCertificates
from domain.reading import Quantity
from ports.clock import Clock

GRAPHQL_PATH = "/nexus/v1/graphql"
_PAGES = templates.load(Path(__file__).parent, "app.json")
_OCTETS = {  # the service calls this JSON octets
    path: {"Content-Type": "application/octet-stream"}
    for path in ("/api/behaviors/entities", "/api/behaviors/v2/automations")
}
_LINKING = {
    "/auth/create/codepair": oauth.create_code_pair,
    "/auth/register": oauth.register,
    "/auth/deregister": oauth.deregister,
}
_CODE_PATHS = ("/code", "/a/code", "/us/code")
_CSRF_PATHS = (
    "/spa/index.html",
    "/api/language",
    "/api/devices-v2/device",
)  # set the cookie if it is missing
_GONE = 299
_VALUES = b"properties"  # of a feature: what every query for values asks for
_WORTH_PACKING_BYTES = 500


class AlexaApi:
    """Answers requests, apart from the network; never fails. Every path answers under every host name."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.seed = seed
        self.account = Account(clock, seed)
        self.scale = "CELSIUS"

    def answer(self, request: Request, effects: Sequence[Effect]) -> Reply:
        """Return the reply, subject to the effects."""
        reply = self._answer(request, effects)
        reply = damage(reply, effects, request, self.clock.now(), _fail)
        is_discovery = request.path == GRAPHQL_PATH and _VALUES not in request.body
        return attrs.evolve(reply, is_discovery=True) if is_discovery else reply

    def _answer(self, request: Request, effects: Sequence[Effect]) -> Reply:
        match request.method, request.path:
            case "POST", "/auth/token" | "/ap/exchangetoken/cookies":
                return oauth.exchange_token(self.account, request, effects)
            case "POST", path if path in _LINKING:
                return _LINKING[path](self.account, request)
            case _, "/ap/signin":
                return sign_in_page()
            case _, path if path in _CODE_PATHS:
                return self._enter_code(request)
            case "GET", "/api/phoenix":
                return Reply(status=_GONE, headers={"Content-Type": "text/plain"})
        if not self._is_signed_in(request, effects):
            return attrs.evolve(_unauthenticated(request, effects), is_refusal=True)
        return self._answer_signed_in(request, effects)

    def _answer_signed_in(self, request: Request, effects: Sequence[Effect]) -> Reply:
        live = Live(self.seed, self.clock.now(), self.scale, effects)
        match request.method, request.path:
            case "POST", path if path == GRAPHQL_PATH:
                return graphql.answer(request.body, partial(_execute, live))
            case "POST", "/api/phoenix/state":
                return _phoenix_state(live, request.body)
            case "PUT", "/v1/devices/@self/capabilities":
                return Reply(status=204)
            case "GET", "/spa/index.html":
                return page("Alexa", headers=_csrf_header(request))
            case ("GET", path) | ("POST", "/alexashoppinglists/api/v2/lists/fetch" as path):
                for pattern, content in _PAGES.items():
                    if fnmatchcase(path, pattern):
                        headers = {**_OCTETS.get(path, {}), **_csrf_header(request)}
                        return json_reply(templates.fill(content, self._page_values(request)), 200, headers)
        return page("Page Not Found", status=404)

    def _is_signed_in(self, request: Request, effects: Sequence[Effect]) -> bool:
        """Return whether the bearer's token, or else the session's cookies with their csrf, are valid."""
        if any(isinstance(effect, StaleToken | RevokedKey) for effect in effects):
            return False
        access_token = oauth.bearer_token(request.headers)
        if access_token:
            return self.account.bearer(access_token) is not None
        cookies = parse_cookies(request.headers)
        is_own = request.method == "GET" or cookies.get("csrf") == request.headers.get("csrf")
        return is_own and self.account.is_signed_in(cookies)

    def _enter_code(self, request: Request) -> Reply:
        """Answer the page on which people enter the code that a device shows."""
        form = parse_qs(request.body.decode(errors="replace")) if request.method == "POST" else {}
        code = next((form[name][0] for name in ("cbl-code", "code", "public_code") if name in form), "")
        if not code:
            return code_page("Enter the code shown on your device.", request.query.get("cbl-code", ""))
        approve = form.get("action") != ["deny"]
        if not self.account.enter_code(code, approve=approve):
            return code_page("The code you entered is not valid.", code, 400)
        return page("Success!" if approve else "Your device was not registered")

    def _page_values(self, request: Request) -> Mapping[str, Json]:
        place = market(request.host)
        apps: list[Json] = [
            {
                "deviceAccountId": f"A{registration.serial[:13].upper()}",
                "deviceType": registration.device_type,
                "serialNumber": registration.serial,
            }
            for registration in self.account.registrations
        ]
        return {
            "apps": apps,
            "app_serial": self.account.ready.serial,
            "country": "US" if place == DEFAULT_MARKET else "DE",
            "customer_id": self.account.customer_id,
            "device_account_id": f"A{self.account.customer_id[1:]}",
            "echo_serial": echo_serial(self.seed),
            "email": self.account.email,
            "market": place,
            "name": self.account.name,
            **{f"{name}_url": neighbour(request, name) for name in ("alexa", "www")},
            "skills_url": neighbour(request, "skills-store"),
        }


class SimulatedAlexa(NetworkService):
    """The Alexa service on the network: one port for data, tokens, cookies and the page for codes."""

    def __init__(
        self, api: AlexaApi, server: Server, certificate: Certificate | None = None, *, port: int = 0
    ) -> None:
        self.ca_file = AMAZON_CA_FILE if certificate is None else certificate.file
        self.account = api.account
        self._api = api
        shown = ServerCertificates(
            right=certificate or shipped("alexa.pem"), wrong=lambda kind: shipped(f"alexa-{kind}.pem")
        )
        super().__init__(
            api.clock, server, self._answer_compressed, certificates=shown, has_http=False, port=port
        )
        session = api.account.new_session(api.account.ready, DEFAULT_MARKET)
        self.cookies: Mapping[str, str] = {**session, "csrf": csrf_number(session["session-id"])}

    @property
    def url(self) -> str:
        """Return the base URL for a client."""
        return f"https://{self.address}"

    @property
    def refresh_token(self) -> str:
        """Return a valid one; the same for the same seed."""
        return self.account.ready.refresh_token

    @property
    def monitors(self) -> Sequence[Monitor]:
        return monitors(self._api.seed)

    def value(self, serial: str, quantity: Quantity, instant: datetime) -> float:
        """Return the value that the service shows then, reachable or not, in the unit of the quantity."""
        return sample_at(self._api.seed, self._monitor(serial), quantity, instant.timestamp()).value

    def observed_at(self, serial: str, quantity: Quantity, instant: datetime) -> datetime:
        """Return the time of the sample that the service shows then."""
        return sample_at(self._api.seed, self._monitor(serial), quantity, instant.timestamp()).at

    def is_reachable(self, serial: str, instant: datetime) -> bool:
        """Return whether the service reaches the monitor then."""
        return is_reachable(self._api.seed, self._monitor(serial), instant.timestamp())

    def approve(self, public_code: str) -> bool:
        """Enter the code as its person does. Return False if there is no such code."""
        return self.account.enter_code(public_code, approve=True)

    def deny(self, public_code: str) -> bool:
        """Enter the code and deny its device. Return False if there is no such code."""
        return self.account.enter_code(public_code, approve=False)

    def set_scale(self, scale: str) -> None:
        """Show temperatures in CELSIUS, FAHRENHEIT or KELVIN."""
        self._api.scale = scale

    def _monitor(self, serial: str) -> Monitor:
        return next(monitor for monitor in self.monitors if monitor.serial == serial)

    def _answer_compressed(self, request: Request, effects: Sequence[Effect]) -> Reply:
        reply = self._api.answer(request, effects)
        takes_gzip = "gzip" in request.headers.get("Accept-Encoding", "")
        is_short = len(reply.body) < _WORTH_PACKING_BYTES
        is_huge = any(isinstance(effect, HugeBody) for effect in effects)
        if not takes_gzip or is_short or is_huge or reply.promised_bytes is not None:
            return reply
        headers = {**reply.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return attrs.evolve(reply, headers=headers, body=gzip.compress(reply.body, 1, mtime=0))


def _execute(live: Live, operation: graphql.Operation) -> str:
    """Return the encoded reply; without faults only its live values differ from the last time."""
    if live.effects:
        return operation.execute(endpoints(live))
    return templates.fill_live(_reply_template(live.seed, operation), live.value)


@lru_cache(maxsize=64)
def _reply_template(seed: int, operation: graphql.Operation) -> str:
    return operation.execute(json.loads(endpoint_templates(seed)))


def _phoenix_state(live: Live, body: bytes) -> Reply:
    try:
        requests = [(item["entityId"], item["entityType"]) for item in json.loads(body)["stateRequests"]]
    except (ValueError, KeyError, TypeError):
        return json_reply({"message": "Invalid request body"}, 400)
    return json_reply(phoenix_state(live, requests))


def _unauthenticated(request: Request, effects: Sequence[Effect]) -> Reply:
    form = next((effect.answered for effect in effects if isinstance(effect, StaleToken)), "errors")
    match form:
        case "page":
            return sign_in_page()
        case "redirect":
            return redirect(f"{neighbour(request, 'www')}/ap/signin?openid.return_to=x")
        case "errors" if request.path == GRAPHQL_PATH:
            extensions: dict[str, Json] = {
                "errorCode": "FORBIDDEN",
                "classification": "DataFetchingException",
            }
            return _fail(request, "Unauthenticated call", extensions)
    return json_reply({"message": "Unauthorized"}, 401)


def _fail(request: Request, message: str, extensions: Mapping[str, Json]) -> Reply:
    """Return an error of the application at status 200."""
    if request.path == GRAPHQL_PATH:
        return graphql.answer(request.body, lambda operation: operation.fail(message, extensions))
    return json_reply({"message": message, **extensions})


def _csrf_header(request: Request) -> dict[str, str]:
    cookies = parse_cookies(request.headers)
    if request.path not in _CSRF_PATHS or "csrf" in cookies:
        return {}
    domain = f"Domain=.{market(request.host)}; " if "amazon." in request.host else ""
    return {"Set-Cookie": f"csrf={csrf_number(cookies.get('session-id', ''))}; {domain}Path=/; Secure"}
