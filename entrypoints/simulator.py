"""`homeclimate simulator`: the simulated home alone, for other clients to be tried on."""

from __future__ import annotations

import json
import shlex
import signal
import sys
import threading
from contextlib import ExitStack
from types import FrameType
from typing import TYPE_CHECKING

import click

from entrypoints.wiring import moved_clock, simulated_home

if TYPE_CHECKING:
    from adapters.simulator.home import SimulatedHome

_MODELS = ("BSB001", "BSB002", "BSB003")


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
    "--fault",
    "faults",
    multiple=True,
    metavar="SPEC",
    help="What goes wrong, such as 'at=30s for=60s path=/clip/v2 kind=throttle retry_after=2'.",
)
@click.option("--json", "as_json", is_flag=True, help="Print where everything is as one line of JSON.")
def command(*, seed: int, bridge_model: str, port: int, faults: tuple[str, ...], as_json: bool) -> int:
    """Run the simulated home alone, on loopback and in real time, until Ctrl-C or SIGTERM.

    Enter, or SIGUSR1, presses the bridge's button. A FAULT has a kind (delay, reset, dribble, silence,
    throttle, unavailable, half, html, garbled, error, revoked, redirect, huge, null, missing, no-dates,
    overwrite, certificate), and may have at, for (times), path, first, count (requests).
    """
    stopped = threading.Event()
    with ExitStack() as stack:
        try:
            home = stack.enter_context(
                simulated_home(clock=moved_clock(), seed=seed, model=bridge_model, port=port)
            )
        except OSError as error:
            raise click.UsageError(f"port {port} cannot be had: {error}") from error
        _add_faults(home, faults)
        _listen_to_signals(home, stopped)
        click.echo(json.dumps(_facts(home)) if as_json else _introduction(home))
        sys.stdout.flush()
        if sys.stdin.isatty():
            threading.Thread(target=_press_at_enter, args=(home,), daemon=True).start()
        stopped.wait()
    return 0


def _add_faults(home: SimulatedHome, faults: tuple[str, ...]) -> None:
    for fault in faults:
        try:
            home.bridge.faults.add(fault)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--fault") from error


def _listen_to_signals(home: SimulatedHome, stopped: threading.Event) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    def press(_number: int, _frame: FrameType | None) -> None:
        home.bridge.press_button()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, press)


def _press_at_enter(home: SimulatedHome) -> None:
    for _ in sys.stdin:
        home.bridge.press_button()
        click.echo("The button is pressed, for 30 s.", err=True)


def _facts(home: SimulatedHome) -> dict[str, object]:
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
    }


def _introduction(home: SimulatedHome) -> str:
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
        "Ctrl-C ends it.",
    ]
    return "\n".join(lines)


def _curl(home: SimulatedHome) -> tuple[str, str]:
    """The command and the base of the address with which curl accepts the bridge's certificate."""
    bridge = home.bridge
    if not bridge.certificate_sha256:
        return "curl", f"http://{bridge.address}"
    authority = shlex.quote(str(bridge.ca_file))
    return f"curl --cacert {authority} --connect-to {bridge.id}::{bridge.address}", f"https://{bridge.id}"
