"""Under which name the service was asked, and the names that it calls others by.

Every path answers under every name, so that a client may be given the bare address for all of them.
"""

from __future__ import annotations

from adapters.simulator.reply import Request

DEFAULT_MARKET = "amazon.com"


def market(host: str) -> str:
    """The market of a host name such as `alexa.amazon.co.uk:443`; that of amazon.com for any other name."""
    _, found, ending = host.partition(":")[0].rpartition("amazon.")
    return f"amazon.{ending}" if found else DEFAULT_MARKET


def neighbour(asked: Request, name: str) -> str:
    """The address of `www`, `alexa` or `api` for who asked: their own, where they used no such name."""
    is_named = "amazon." in asked.host
    return f"https://{name}.{market(asked.host)}" if is_named else f"https://{asked.host}"
