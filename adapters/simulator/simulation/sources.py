"""The sources of a simulated home, as the collector names them."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.simulator.home import SimulatedHome
from adapters.simulator.network import NetworkService

SOURCES = ("hue", "amazon")


def services_of(home: SimulatedHome) -> Mapping[str, NetworkService]:
    """Return what each source asks; several bridges are sources of their own."""
    if len(home.bridges) == 1:
        return {"hue": home.bridge, "amazon": home.alexa}
    return {**{f"hue:{bridge.id}": bridge for bridge in home.bridges}, "amazon": home.alexa}


def kind_of(source: str) -> str:
    """Return the one of SOURCES that it is."""
    return source.partition(":")[0]
