"""A simulated bridge: its replies, its errors of v1 and v2, its ports, and its owner's view of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from adapters.simulator import certificates
from adapters.simulator.faults import (
    Effect,
    ErrorList,
    HtmlPage,
    LeftBehind,
    NoDates,
    NullTemperatures,
    Redirect,
    RevokedKey,
    Throttle,
    Unavailable,
)
from adapters.simulator.hue.inventory import Inventory, Live, stamp_v1, stamp_v2, v2_id
from adapters.simulator.hue.keys import ApplicationKeys, PairingError
from adapters.simulator.hue.model import BridgeModel
from adapters.simulator.messages import Json, Reply, Request, alter, change_fields, retry_after
from adapters.simulator.network import LOOPBACK, NetworkService, Server, ServerCertificates
from adapters.simulator.sensors import MotionSensor
from adapters.simulator.templates import encode, fill_live, load
from ports.clock import Clock

MOST_AT_ONCE = 3  # requests that a bridge answers at the same time
_KEY_HEADER = "hue-application-key"
_KEY_SEGMENT = 2
_PUBLIC_SEGMENTS = ("", "config")
_FOLDER = Path(__file__).parent
_WEB = load(_FOLDER, "web.json")
_HTML_HEADERS, _JSON_HEADERS = ({**_WEB["every"], **_WEB[kind]} for kind in ("html", "json"))
_PAGE = (_FOLDER / "page.html").read_text("utf-8")
_DATES = ("lastupdated", "changed")
_IDENTITIES = ("id", "id_v1", "uniqueid", "name")
_LEFT_BEHIND = 1000  # added to the number of a sensor in v1


class BridgeApi:
    """Answers requests, apart from the network; never fails."""

    def __init__(
        self, *, seed: int, model: BridgeModel, things: Inventory, keys: ApplicationKeys, clock: Clock
    ) -> None:
        self.model = model
        self.things = things
        self.keys = keys
        self.clock = clock
        self.left: dict[str, float] = {}  # when sensors went to another bridge, by MAC
        self._seed = seed

    def answer(self, request: Request, effects: Sequence[Effect] = ()) -> Reply:
        """Return the reply, subject to the effects."""
        if request.at_once > MOST_AT_ONCE:
            return _html_reply(429)
        is_revoked = any(isinstance(effect, RevokedKey) for effect in effects)
        reply = self._answer(request, is_revoked=is_revoked)
        return _damage(reply, effects, request.path, self.clock.now())

    def _answer(self, request: Request, *, is_revoked: bool) -> Reply:
        segments = [segment for segment in request.path.split("/") if segment]
        match segments:
            case ["api", *rest]:
                return self._answer_v1(request, rest, is_revoked=is_revoked)
            case ["clip", "v2", *rest] if self.model.has_v2 and request.is_secure:
                if request.method != "GET":
                    return _v2_error(405, "Method Not Allowed")
                if is_revoked or not self.keys.accept(request.headers.get(_KEY_HEADER, "")):
                    return attrs.evolve(_html_reply(403), is_refusal=True)
                return self._read_v2(rest)
            case []:
                return _html_reply(200)
        return _html_reply(404)

    def _answer_v1(self, request: Request, segments: Sequence[str], *, is_revoked: bool) -> Reply:
        key, below = "".join(segments[:1]), list(segments[1:])
        address = "/" + "/".join(below)
        match request.method, list(segments):
            case "POST", []:
                return self._pair(request.body)
            case "GET", ["config"]:
                return _json_reply(self.things.short_config)
        if segments and (is_revoked or not self.keys.accept(key)):
            if request.method == "GET" and below == ["config"]:
                return _json_reply(self.things.short_config)
            return attrs.evolve(_v1_error(1, address, "unauthorized user"), is_refusal=True)
        if request.method != "GET" or not segments:
            name = request.method
            return _v1_error(4, address, f"method, {name}, not available for resource, {address}")
        return self._read_v1(below, address)

    def _pair(self, body: bytes) -> Reply:
        try:
            success = self.keys.pair(body)
        except PairingError as error:
            return _v1_error(error.kind, error.address, str(error))
        return _json_reply(encode([{"success": success}]))

    def _read_v1(self, segments: Sequence[str], address: str) -> Reply:
        collections = self.things.v1
        match segments:
            case []:
                encoded = {name: _object(collections[name]) for name in collections}
                return self._reply(_object({**encoded, "config": self.things.config}))
            case ["config"]:
                return self._reply(self.things.config)
            case ["lights" | "sensors", "new"]:
                return _json_reply('{"lastscan":"none"}')
            case [collection] if collection in collections:
                return self._reply(_object(collections[collection]))
            case [collection, number] if number in collections.get(collection, {}):
                return self._reply(collections[collection][number])
        return _v1_error(3, address, f"resource, {address}, not available")

    def _read_v2(self, segments: Sequence[str]) -> Reply:
        resources = self.things.v2
        match segments:
            case ["resource"]:
                return self._envelope([item for items in resources.values() for item in items.values()])
            case ["resource", kind] if kind in resources:
                return self._envelope(list(resources[kind].values()))
            case ["resource", kind, rid] if rid in resources.get(kind, {}):
                return self._envelope([resources[kind][rid]])
        return _v2_error(404, "Not Found")

    def _envelope(self, items: Sequence[str]) -> Reply:
        return self._reply(f'{{"errors":[],"data":[{",".join(items)}]}}')

    def _reply(self, template: str) -> Reply:
        whitelist = {
            key: {
                "last use date": stamp_v1(application.last_used.timestamp()),
                "create date": stamp_v1(application.created.timestamp()),
                "name": application.name,
            }
            for key, application in self.keys.applications.items()
        }
        bridge_values = {"whitelist": whitelist, "link_button": self.keys.is_pairing}
        live = Live(self._seed, self.things, self.clock.now().timestamp(), bridge_values, self.left)
        return _json_reply(fill_live(template, live.value))


class SimulatedBridge(NetworkService):
    """A bridge on the network, over HTTPS and HTTP as its model has them."""

    def __init__(self, api: BridgeApi, key: str, server: Server, *, port: int = 0) -> None:
        self.key = key
        self.model = api.model
        self.id = api.model.bridge_id  # in lower case
        self.ca_file = certificates.CA_FILE
        self._api = api
        name = api.model.certificate
        shown = None
        if name is not None:
            right = certificates.shipped(name)
            shown = ServerCertificates(right=right, wrong=lambda kind: certificates.shipped(f"{kind}.pem"))
        super().__init__(
            api.clock,
            server,
            self._answer_or_redirect,
            certificates=shown,
            has_http=True,
            port=port,
            redact=_redact,
        )

    @property
    def http_address(self) -> str:
        return f"{LOOPBACK}:{self._listeners[-1].port}"

    @property
    def sensors(self) -> Sequence[MotionSensor]:
        """Return the motion sensors that it lists."""
        return self._api.things.sensors

    @contextmanager
    def listing(self, things: Inventory) -> Iterator[None]:
        """List these things during the block."""
        before, self._api.things = self._api.things, things
        try:
            yield
        finally:
            self._api.things = before

    @contextmanager
    def without(self, sensor: MotionSensor) -> Iterator[None]:
        """Keep the last values of a sensor that is another bridge's during the block."""
        self._api.left[sensor.mac] = self._api.clock.now().timestamp()
        try:
            yield
        finally:
            del self._api.left[sensor.mac]

    def heard_at(self, sensor: MotionSensor, instant: datetime) -> datetime:
        """Return of when the values are that it shows of the sensor then."""
        left_s = self._api.left.get(sensor.mac)
        return instant if left_s is None else datetime.fromtimestamp(left_s, instant.tzinfo)

    @property
    def certificate_sha256(self) -> str:
        """Return the fingerprint of its right certificate; empty for a bridge without HTTPS."""
        return "" if self.model.certificate is None else certificates.sha256(self.model.certificate)

    def v2_id(self, device_id: str, service: str = "temperature") -> str:
        """Return the v2 id of a service of one of its sensors."""
        return next(v2_id(sensor, service) for sensor in self.sensors if sensor.device_id == device_id)

    def press_button(self) -> None:
        """Let applications pair for 30 s."""
        self._api.keys.press_button()

    def revoke(self, key: str) -> None:
        """Remove an application's key."""
        self._api.keys.revoke(key)

    def _answer_or_redirect(self, request: Request, effects: Sequence[Effect]) -> Reply:
        is_redirected = not request.is_secure and not self.model.has_http
        if is_redirected and request.at_once <= MOST_AT_ONCE:
            name = request.host.partition(":")[0]
            return _html_reply(
                301, {"Location": f"https://{name}:{self._listeners[0].port}{request.raw_path}"}
            )
        return self._api.answer(request, effects)


def _redact(path: str) -> str:
    """Remove the application key that v1 has in the path."""
    segments = path.split("/")
    if path.startswith("/api/") and segments[_KEY_SEGMENT] not in _PUBLIC_SEGMENTS:
        segments[_KEY_SEGMENT] = "***"
    return "/".join(segments)


def _object(items: Mapping[str, str]) -> str:
    """Encode an object whose values are encoded already."""
    return "{" + ",".join(f'"{name}":{item}' for name, item in items.items()) + "}"


def _json_reply(body: str, status: int = 200) -> Reply:
    """Return encoded JSON."""
    return Reply(status=status, headers=_JSON_HEADERS, body=body.encode())


def _html_reply(status: int, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a page of the web server."""
    message = _WEB["messages"].get(str(status), _WEB["messages"]["other"])
    return Reply(
        status=status,
        headers={**_HTML_HEADERS, **(headers or {})},
        body=_PAGE.format(message=message).encode(),
    )


def _v1_error(kind: int, address: str, description: str) -> Reply:
    """Return a list with one error, at status 200."""
    error: Json = {"type": kind, "address": address, "description": description}
    return _json_reply(encode([{"error": error}]))


def _v2_error(status: int, description: str) -> Reply:
    """Return an envelope without data."""
    return _json_reply(encode({"errors": [{"description": description}], "data": []}), status)


def _damage(reply: Reply, effects: Sequence[Effect], path: str, now: datetime) -> Reply:
    """Return the reply after all effects except those of the network."""
    for effect in effects:
        match effect:
            case Throttle():
                reply = _html_reply(429, retry_after(effect, now))
            case Unavailable() | HtmlPage():
                reply = _html_reply(503 if isinstance(effect, Unavailable) else 200)
            case Redirect(location):
                reply = _html_reply(301, {"Location": location or "https://127.0.0.1:1/"})
            case ErrorList(kind) if path.startswith("/clip/"):
                reply = _v2_error(200, f"Internal error, {kind}")
            case ErrorList(kind):
                reply = _v1_error(kind, "/" + "/".join(path.split("/")[3:]), "Internal error, 404")
            case NullTemperatures(where):
                reply = change_fields(reply, _null_temperature, where, _IDENTITIES)
            case LeftBehind():
                reply = _list_left_behind(reply, effect, now)
            case NoDates():
                reply = change_fields(reply, lambda name, value: "none" if name in _DATES else value)
            case _:
                reply = alter(reply, effect, _IDENTITIES)
    return reply


def _null_temperature(name: str, value: Json) -> Json:
    return None if name == "temperature" and isinstance(value, int | float) else value


def _list_left_behind(reply: Reply, effect: LeftBehind, now: datetime) -> Reply:
    """Return a list of v1's sensors or of v2's temperatures with an old entry before each.

    A bridge keeps such entries of sensors that were moved or added again.
    """
    if "json" not in reply.headers.get("Content-Type", ""):
        return reply
    content = json.loads(reply.body)
    then_s = now.timestamp() - effect.since_s
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        content["data"] = [
            each
            for item in content["data"]
            for each in ([_old_v2(item, effect, then_s), item] if _is_meant(item, effect) else [item])
        ]
    elif isinstance(content, dict):
        sensors = content.get("sensors", content)
        old = {
            f"{_LEFT_BEHIND + int(number)}": {
                **item,
                "state": {"temperature": round(effect.celsius * 100), "lastupdated": stamp_v1(then_s)},
                "config": {**item["config"], "reachable": True},
            }
            for number, item in sensors.items()
            if number.isdecimal() and _is_meant({**item, "id_v1": f"/sensors/{number}"}, effect)
        }
        fresh = dict(sensors)
        sensors.clear()
        sensors |= old | fresh
    return attrs.evolve(reply, body=encode(content).encode())


def _is_meant(item: Any, effect: LeftBehind) -> bool:
    is_temperature = item.get("type") in ("temperature", "ZLLTemperature")
    return is_temperature and effect.where in ("", *(item.get(name) for name in _IDENTITIES))


def _old_v2(item: Any, effect: LeftBehind, then_s: float) -> Any:
    number = int(item["id_v1"].rpartition("/")[2])
    return {
        **item,
        "id": f"{_LEFT_BEHIND:08}{item['id'][8:]}",
        "id_v1": f"/sensors/{_LEFT_BEHIND + number}",
        "owner": {**item["owner"], "rid": f"{_LEFT_BEHIND:08}{item['owner']['rid'][8:]}"},
        "temperature": {
            "temperature": effect.celsius,
            "temperature_valid": True,
            "temperature_report": {"temperature": effect.celsius, "changed": stamp_v2(then_s)},
        },
    }
