"""What requests needs to know to talk to a bridge: believe only the proof, and nothing from outside."""

from __future__ import annotations

import socket
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from adapters.hue.open_sockets import OpenSockets
from adapters.hue.tls import Pinned, Proof, SignedBy, context_for


def session_for(proof: Proof | None, sockets: OpenSockets) -> requests.Session:
    """A session of one connection. `proof` is None only for a bridge that has no HTTPS."""
    session = _Session()
    session.trust_env = False  # else proxies, REQUESTS_CA_BUNDLE and .netrc get in
    session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip"})
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # else they pile up for years
    adapter = _PinningAdapter(proof, sockets)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    match proof:
        case SignedBy(roots=roots):
            session.verify = str(roots)  # or requests adds the public roots
        case Pinned():
            session.verify = False  # the fingerprint is what is verified
    return session


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """None: requests reads a redirect's whole body, however large, even where it does not follow it."""
        return None


class _PinningAdapter(HTTPAdapter):
    """Requests' adapter over connections that believe only the proof and register their sockets."""

    def __init__(self, proof: Proof | None, sockets: OpenSockets) -> None:
        self._proof = proof
        self._sockets = sockets
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        terms: dict[str, Any] = {}
        if self._proof is not None:
            context = context_for(self._proof)
            self._sockets.register_through(context)
            terms["ssl_context"] = context
        match self._proof:
            case SignedBy(bridge_id=bridge_id):
                terms["server_hostname"] = bridge_id
            case Pinned(certificate_sha256=fingerprint):
                terms["assert_fingerprint"] = fingerprint
        self.poolmanager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block, **terms)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _plain_pool(self._sockets),
            "https": HTTPSConnectionPool,
        }

    def close(self) -> None:
        """Close the connections now: urllib3 waits until nobody holds the pool, not even a caught error."""
        pools = self.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118 - the container is not for iterating
            pools[key].close()
        super().close()


def _plain_pool(sockets: OpenSockets) -> type[HTTPConnectionPool]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            opened = super()._new_conn()
            sockets.add(opened)
            return opened

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    return Pool
