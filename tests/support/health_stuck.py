"""Run `homeclimate health` in a process in which something hangs: WHAT CA_FILE ARGUMENT..."""

from __future__ import annotations

import socket
import sys
import time
from typing import Any

from adapters.health.probes import Pulse
from adapters.sqlite import probes
from entrypoints.commands import health
from entrypoints.wiring.health import Components
from tests.support.collect_simulated import simulated_environment


def hang(*_arguments: object, **_more: object) -> Any:
    """Hang like a name server that never answers, or a disk that is gone."""
    time.sleep(600)


_getaddrinfo = socket.getaddrinfo


def names_hang(host: Any, *arguments: Any, **more: Any) -> Any:
    """Hang for a name; addresses need no name server."""
    return hang() if host == "localhost" else _getaddrinfo(host, *arguments, **more)


if __name__ == "__main__":
    Pulse.is_starved = lambda _: False  # type: ignore[assignment, method-assign]  # however busy the machine of the test is
    match sys.argv[1]:
        case "names":
            socket.getaddrinfo = names_hang
        case "database":
            probes.writing = hang
        case "loop":
            Components.second = hang  # type: ignore[method-assign]
        case "configuration":
            Components._configuration = hang  # type: ignore[method-assign]
    health.main(sys.argv[3:], environment=simulated_environment(sys.argv[2]))
