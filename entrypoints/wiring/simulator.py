"""Wiring of the simulated home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.runtime.clock import SystemClock
from adapters.simulator.certificates import Certificate
from adapters.simulator.clock import MovedClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import MODELS
from adapters.simulator.network import Pace
from ports.clock import Clock

__all__ = ["MovedClock", "SimulatedHome", "moved_clock", "simulated_home"]


def moved_clock() -> MovedClock:
    """Return the system clock with a wall time that can be moved."""
    return MovedClock(SystemClock())


@contextmanager
def simulated_home(
    *,
    clock: Clock,
    seed: int,
    model: str = "BSB002",
    port: int = 0,
    alexa_port: int = 0,
    alexa_certificate: tuple[Path, Path | None] | None = None,
    latency_s: float = 0.0,
    s_per_kb: float = 0.0,
) -> Iterator[SimulatedHome]:
    """Run a home with a Hue bridge and the Alexa service on loopback.

    The bridge takes `latency_s` for each reply, and `s_per_kb` for each kB of it. `alexa_certificate` is a
    file, and that of its key if that is another one. Raise OSError if a port is taken or the certificate
    cannot be used.
    """
    certificate = None
    if alexa_certificate is not None:
        certificate = Certificate(file=alexa_certificate[0], key_file=alexa_certificate[1])
    simulated = SimulatedHome(
        clock=clock,
        seed=seed,
        bridges=(MODELS[model],),
        port=port,
        alexa_port=alexa_port,
        alexa_certificate=certificate,
    )
    with simulated.running() as home:
        home.bridge.set_pace(Pace(latency_s=latency_s, s_per_kb=s_per_kb))
        yield home
