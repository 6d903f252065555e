"""The one connection to a bridge: it believes only the proof, and nothing from outside."""

from __future__ import annotations

import socket
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from adapters.hue.open_sockets import OpenSockets
from adapters.hue.tls import Pinned, Proof, SignedBy, context_for


def pool_for(base_url: str, proof: Proof | None, sockets: OpenSockets) -> HTTPConnectionPool:
    """A pool of one connection, which registers its sockets. `proof` is None only without HTTPS.

    Raises urllib3's own exceptions for an address that can be none. There is no session around it: cookies,
    proxies and redirects of one have no place here, and it would double what a read costs.
    """
    place = urllib3.util.parse_url(base_url)
    if proof is None:
        return _plain_pool(sockets)(place.host or "", place.port, maxsize=1)
    context = context_for(proof)
    sockets.register_through(context)
    terms: dict[str, Any] = {"ssl_context": context}
    match proof:
        case SignedBy(bridge_id=bridge_id):
            terms["server_hostname"] = bridge_id
        case Pinned(certificate_sha256=fingerprint):
            terms["assert_fingerprint"] = fingerprint
    return HTTPSConnectionPool(place.host or "", place.port, maxsize=1, **terms)


def _plain_pool(sockets: OpenSockets) -> type[HTTPConnectionPool]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            sockets.add(opened)
            return opened

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    return Pool
