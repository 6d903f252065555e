"""Looks host names up without ever holding the process open."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.threads import in_daemon_thread


class DaemonResolver(AbstractResolver):
    """The system's look-up in a daemon thread.

    aiohttp's own runs in the event loop's executor, whose threads are waited for at the end: half a minute
    with name servers that do not answer.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await in_daemon_thread(
            lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM), f"look up {host}"
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=each,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for each, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is kept."""
