"""`homeclimate simulator`: run the simulated home alone, to try other clients on it."""

from __future__ import annotations

import json
import shlex
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import click

from entrypoints.terminal.output import print_message
from entrypoints.wiring.simulator import SimulatedHome, moved_clock, simulated_home

_FORMAT = 1  # of the JSON object: increased when a key is renamed or removed
_MODELS = ("BSB001", "BSB002", "BSB003")
_MS = click.FloatRange(0, 60_000)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Which house is simulated.")
@click.option(
    "--bridge-model",
    type=click.Choice(_MODELS),
    default="BSB002",
    show_default=True,
    help="The first (round), the second (square), or the Bridge Pro.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of the bridge.  [default: the system picks]"
)
@click.option(
    "--alexa-port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Of the Alexa service.  [default: the system picks]",
)
@click.option(
    "--certificate",
    type=_FILE,
    help="Of the Alexa service, with its chain.  [default: a simulated one for Amazon's names]",
)
@click.option("--key", type=_FILE, help="Of the certificate.  [default: in the same file]")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="SPEC",
    help="What goes wrong with the bridge: 'at=30s for=60s path=/clip/v2 kind=throttle retry_after=2'.",
)
@click.option(
    "--alexa-fault",
    "alexa_faults",
    multiple=True,
    metavar="SPEC",
    help="What goes wrong with the Alexa service: 'kind=stale-token count=1'.",
)
@click.option(
    "--latency",
    "latency_ms",
    type=_MS,
    default=0.0,
    metavar="MS",
    help="Time for each reply of the bridge.",
)
@click.option(
    "--per-kb",
    "ms_per_kb",
    type=_MS,
    default=0.0,
    metavar="MS",
    help="Time for each kB of it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print addresses and credentials as one line of JSON.")
def command(
    *,
    seed: int,
    bridge_model: str,
    port: int,
    alexa_port: int,
    certificate: Path | None,
    key: Path | None,
    faults: tuple[str, ...],
    alexa_faults: tuple[str, ...],
    latency_ms: float,
    ms_per_kb: float,
    as_json: bool,
) -> int:
    """Run the simulated home alone, on loopback and in real time, until Ctrl-C or SIGTERM.

    Enter, or SIGUSR1, presses the bridge's button; a code and Enter links a device to the Alexa account.

    Every fault has a kind: delay, reset, dribble, silence, throttle, unavailable, half, html, garbled,
    answer, error, revoked, redirect, huge, null, missing, no-dates, overwrite, certificate; the bridge
    also has left-behind. It may have at and for (times), path, first and count (requests). The Alexa
    service also has stale-token, refused-token, throttled-inside, forbidden, missing-features, failed-
    features, stale-samples, skewed-clock, gone, unreachable.
    """
    if key is not None and certificate is None:
        raise click.UsageError("--key needs --certificate; give both")
    stopped = threading.Event()
    with ExitStack() as stack:
        try:
            home = stack.enter_context(
                simulated_home(
                    clock=moved_clock(),
                    seed=seed,
                    model=bridge_model,
                    port=port,
                    alexa_port=alexa_port,
                    alexa_certificate=None if certificate is None else (certificate, key),
                    latency_s=latency_ms / 1000,
                    s_per_kb=ms_per_kb / 1000,
                )
            )
            alexa = home.alexa
        except ssl.SSLError as error:
            raise click.UsageError(f"invalid certificate {certificate}: {error}") from error
        except OSError as error:
            raise click.UsageError(f"a port is not available: {error}; choose another") from error
        _add_faults(home.bridge.faults.add, faults, "--fault")
        _add_faults(alexa.faults.add, alexa_faults, "--alexa-fault")
        _listen_to_signals(home, stopped)
        print_message(*([json.dumps(facts(home))] if as_json else introduction(home)))
        sys.stdout.flush()
        if sys.stdin.isatty():
            threading.Thread(target=_read_terminal, args=(home,), daemon=True).start()
        stopped.wait()
    return 0


def _add_faults(add: Callable[[str], object], specs: tuple[str, ...], option: str) -> None:
    for spec in specs:
        try:
            add(spec)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint=option) from error


def _listen_to_signals(home: SimulatedHome, stopped: threading.Event) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    def press(_number: int, _frame: FrameType | None) -> None:
        home.bridge.press_button()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, press)


def _read_terminal(home: SimulatedHome) -> None:
    """Read lines from the terminal: a code links a device, an empty line presses the button."""
    for line in sys.stdin:
        if not line.strip():
            home.bridge.press_button()
            print_message("The button is pressed for 30 s.", err=True)
        elif home.alexa.approve(line):
            print_message("The device is linked.", err=True)
        else:
            print_message("No such code.", err=True)


def facts(home: SimulatedHome) -> dict[str, object]:
    """Return addresses, credentials and devices, for a program."""
    bridge = home.bridge
    return {
        "format": _FORMAT,
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


def introduction(home: SimulatedHome) -> Sequence[str]:
    """Return the most useful of it, in lines for a person."""
    return [*_bridge_lines(home), "", *_alexa_lines(home), "", "Press Ctrl-C to stop."]


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
        f"  root          {bridge.ca_file}" if bridge.certificate_sha256 else "  no HTTPS",
        f"  ready key     {bridge.key}",
        "",
        "Read it (the certificate names the bridge id, not the address):",
        f"  {curl} {base}/api/config",
        f"  {curl} {base}/api/{bridge.key}/sensors",
    ]
    if bridge.model.has_v2:
        lines.append(f"  {curl} -H 'hue-application-key: {bridge.key}' {base}/clip/v2/resource/temperature")
    lines += [
        "Press Enter here, or send SIGUSR1, to press its button; then pair within 30 s:",
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
        f"  root          {alexa.ca_file}",
        *(f"  monitor       {monitor.serial}  {monitor.name}" for monitor in alexa.monitors),
        "",
        "Get an access token, or list the devices with the cookies of a browser:",
        f"  token={shlex.quote(alexa.refresh_token)}",
        f"  cookies={shlex.quote(cookies)}",
        f"  {curl} -d '{form}' --data-urlencode \"source_token=$token\" {alexa.url}/auth/token",
        f'  {curl} -b "$cookies" -H "csrf: ${{cookies##*=}}" -d \'{query}\' {alexa.url}/nexus/v1/graphql',
        "Under Amazon's names (for other programs: /etc/hosts, and --alexa-port 443):",
        f"  {curl} --connect-to ::{alexa.address} https://alexa.amazon.com/api/phoenix -i",
        f"Link a device: enter its code here, or at {alexa.url}/code instead of amazon.com/code.",
    ]


def _curl(home: SimulatedHome) -> tuple[str, str]:
    """Return the curl command and the base URL that accept the bridge's certificate."""
    bridge = home.bridge
    if not bridge.certificate_sha256:
        return "curl", f"http://{bridge.address}"
    authority = shlex.quote(str(bridge.ca_file))
    return f"curl --cacert {authority} --connect-to {bridge.id}::{bridge.address}", f"https://{bridge.id}"
