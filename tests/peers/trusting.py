"""A session of requests that believes a bridge's own certificate, as a careful script would make it."""

from __future__ import annotations

import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter


def trusting_session(ca_file: str, bridge_id: str) -> requests.Session:
    """One kept connection; nothing from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.verify = ca_file
    session.mount("https://", _Adapter(ca_file, bridge_id))
    return session


class _Adapter(HTTPAdapter):
    def __init__(self, ca_file: str, bridge_id: str) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.load_verify_locations(cafile=ca_file)
        self._bridge_id = bridge_id
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(
            *arguments, ssl_context=self._context, server_hostname=self._bridge_id, **options
        )
