"""Says where everything is in a simulated home that runs, to programs and to people."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adapters.simulator.home import SimulatedHome


def facts(home: SimulatedHome) -> dict[str, object]:
    """Everything, for a program."""
    bridge = home.bridge
    return {
        "bridge_id": bridge.id,
        "model": bridge.model.model_id,
        "address": bridge.address,
        "http_address": bridge.http_address,
        "ca_file": str(bridge.ca_file),
        "certificate_sha256": bridge.certificate_sha256,
        "key": bridge.key,
        "sensors": [
            {"device_id": sensor.device_id, "name": sensor.name, "room": sensor.room}
            for sensor in home.sensors
        ],
        "alexa": _alexa_facts(home),
    }


def introduction(home: SimulatedHome) -> str:
    """The most useful of it, for a person."""
    return "\n".join([*_bridge_lines(home), "", *_alexa_lines(home), "", "Ctrl-C ends it."])


def _alexa_facts(home: SimulatedHome) -> dict[str, object]:
    alexa = home.alexa
    return {
        "address": alexa.address,
        "url": alexa.url,
        "ca_file": str(alexa.ca_file),
        "refresh_token": alexa.refresh_token,
        "cookies": dict(alexa.cookies),
        "code_page": f"{alexa.url}/code",
        "monitors": [
            {
                "device_id": monitor.device_id,
                "serial": monitor.serial,
                "name": monitor.name,
                "room": monitor.room,
                "endpoint_id": monitor.endpoint_id,
                "entity_id": monitor.entity_id,
            }
            for monitor in alexa.monitors
        ],
    }


def _bridge_lines(home: SimulatedHome) -> list[str]:
    bridge = home.bridge
    curl, base = _curl(home)
    body = shlex.quote('{"devicetype": "my_app#my_host"}')
    lines = [
        f"A simulated Hue bridge ({bridge.model.model_id}) with {len(home.sensors)} motion sensors",
        f"  bridge id     {bridge.id}",
        f"  address       {bridge.address}",
        f"  plain HTTP    {bridge.http_address}",
        f"  authority     {bridge.ca_file}" if bridge.certificate_sha256 else "  it has no HTTPS",
        f"  ready key     {bridge.key}",
        "",
        "Ask it (a bridge's certificate names the bridge id and no address):",
        f"  {curl} {base}/api/config",
        f"  {curl} {base}/api/{bridge.key}/sensors",
    ]
    if bridge.model.has_v2:
        lines.append(f"  {curl} -H 'hue-application-key: {bridge.key}' {base}/clip/v2/resource/temperature")
    lines += [
        "Pair with it, within 30 s of Enter here or of SIGUSR1, which press the button:",
        f"  {curl} -d {body} {base}/api",
    ]
    return lines


def _alexa_lines(home: SimulatedHome) -> list[str]:
    alexa = home.alexa
    curl = f"curl --cacert {shlex.quote(str(alexa.ca_file))}"
    cookies = "; ".join(f"{name}={value}" for name, value in alexa.cookies.items())
    form = "app_name=x&app_version=1&source_token_type=refresh_token&requested_token_type=access_token"
    query = '{"query": "{ endpoints { items { friendlyName serialNumber { value { text } } } } }"}'
    return [
        f"A simulated Alexa service with {len(alexa.monitors)} air quality monitors",
        f"  address       {alexa.address}, for every name: alexa, api and www of amazon.com, amazon.de ...",
        f"  authority     {alexa.ca_file}",
        *(f"  monitor       {monitor.serial}  {monitor.name}" for monitor in alexa.monitors),
        "",
        "Get an access token; ask, with the cookies of a browser, which things there are:",
        f"  token={shlex.quote(alexa.refresh_token)}",
        f"  cookies={shlex.quote(cookies)}",
        f"  {curl} -d '{form}' --data-urlencode \"source_token=$token\" {alexa.url}/auth/token",
        f'  {curl} -b "$cookies" -H "csrf: ${{cookies##*=}}" -d \'{query}\' {alexa.url}/nexus/v1/graphql',
        "Under the names of the real one (for other programs: in /etc/hosts, and --alexa-port 443):",
        f"  {curl} --connect-to ::{alexa.address} https://alexa.amazon.com/api/phoenix -i",
        f"Link a device: type its code here, or at {alexa.url}/code, which stands for amazon.com/code.",
    ]


def _curl(home: SimulatedHome) -> tuple[str, str]:
    """The command and the base of the address with which curl accepts the bridge's certificate."""
    bridge = home.bridge
    if not bridge.certificate_sha256:
        return "curl", f"http://{bridge.address}"
    authority = shlex.quote(str(bridge.ca_file))
    return f"curl --cacert {authority} --connect-to {bridge.id}::{bridge.address}", f"https://{bridge.id}"
