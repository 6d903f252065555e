"""`homeclimate simulator`: the simulated home alone, for other clients to be tried on."""

from __future__ import annotations

import json
import signal
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from entrypoints.simulator_text import facts, introduction
from entrypoints.wiring import moved_clock, simulated_home

if TYPE_CHECKING:
    from adapters.simulator.home import SimulatedHome

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
    help="That the Alexa service shows, with its chain.  [default: a simulated one for Amazon's names]",
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
    help="That each reply of the bridge takes.",
)
@click.option(
    "--per-kb",
    "ms_per_kb",
    type=_MS,
    default=0.0,
    metavar="MS",
    help="That each kB of it takes more.",
)
@click.option("--json", "as_json", is_flag=True, help="Print where everything is as one line of JSON.")
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

    Enter, or SIGUSR1, presses the bridge's button; a code and Enter links a device to the Alexa account. A
    FAULT has a kind (delay, reset, dribble, silence, throttle, unavailable, half, html, garbled, error,
    revoked, redirect, huge, null, missing, no-dates, overwrite, certificate), and may have at, for (times),
    path, first, count (requests). The Alexa service has more kinds: stale-token, refused-token,
    throttled-inside, forbidden, missing-features, failed-features, stale-samples, skewed-clock, gone,
    unreachable.
    """
    if key is not None and certificate is None:
        raise click.UsageError("--key is the key of a --certificate, and there is none")
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
            raise click.UsageError(f"{certificate} cannot be shown: {error}") from error
        except OSError as error:
            raise click.UsageError(f"a port cannot be had: {error}") from error
        _add_faults(home.bridge.faults.add, faults, "--fault")
        _add_faults(alexa.faults.add, alexa_faults, "--alexa-fault")
        _listen_to_signals(home, stopped)
        click.echo(json.dumps(facts(home)) if as_json else introduction(home))
        sys.stdout.flush()
        if sys.stdin.isatty():
            threading.Thread(target=_obey, args=(home,), daemon=True).start()
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


def _obey(home: SimulatedHome) -> None:
    """Do what the lines say that somebody types: a code links a device, an empty one presses the button."""
    for line in sys.stdin:
        if not line.strip():
            home.bridge.press_button()
            click.echo("The button is pressed, for 30 s.", err=True)
        elif home.alexa.approve(line):
            click.echo("The device is linked.", err=True)
        else:
            click.echo("There is no such code.", err=True)
