"""How a bridge proves who it is: by Signify's roots and its id, or by a pinned certificate."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import attrs

SIGNIFY_ROOTS = Path(__file__).with_name("roots.pem")


@attrs.frozen(kw_only=True)
class SignedBy:
    """The leaf must be signed by one of the roots, and its common name must be the bridge's id."""

    roots: Path
    bridge_id: str


@attrs.frozen(kw_only=True)
class Pinned:
    """The leaf must be the one with this SHA-256 (64 hex digits), whoever signed it."""

    certificate_sha256: str


Proof = SignedBy | Pinned


@attrs.frozen(kw_only=True)
class Leaf:
    """The certificate that a server shows, not yet believed. `common_name` only where it is a bridge's id."""

    common_name: str | None
    sha256: str


def context_for(proof: Proof) -> ssl.SSLContext:
    """A TLS context that accepts nothing but the proof.

    Not `create_default_context`: from Python 3.13 that one is strict about extensions that a bridge's leaf
    lacks. The common name counts because the leaf has no subjectAltName.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    match proof:
        case SignedBy(roots=roots):
            context.load_verify_locations(cafile=str(roots))
            context.hostname_checks_common_name = True
        case Pinned():  # urllib3 compares the fingerprint right after the handshake
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    return context


def leaf_at(host: str, port: int, *, roots: Path | None, timeout_s: float, sockets: OpenSockets) -> Leaf:
    """The leaf that a server shows. With `roots`, only one that they signed, whatever its name.

    Sends nothing beyond the handshake. Raises OSError (ssl.SSLError among them), and ValueError for a host
    that cannot be one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if roots is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cafile=str(roots))
    sockets.register_through(context)
    with (
        socket.create_connection((host, port), timeout=timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=None) as connection,
    ):
        der = connection.getpeercert(binary_form=True) or b""
    return Leaf(common_name=_common_name(der), sha256=hashlib.sha256(der).hexdigest())


def _common_name(der: bytes) -> str | None:
    """The last common name (OID 2.5.4.3) in the certificate's text that looks like a bridge id.

    `getpeercert()` parses only verified certificates, and this one may not be; the issuer's name stands
    before the subject's.
    """
    found = re.findall(rb"\x06\x03\x55\x04\x03[\x0c\x13]\x10([0-9A-Fa-f]{16})", der)
    return found[-1].decode().lower() if found else None


# The sockets that a read has open, so that another thread can end it.


class OpenSockets:
    """Closing a socket does not wake a thread that reads from it; shutting it does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._is_shut = False

    def add(self, opened: socket.socket) -> None:
        """Shut this one too when the time comes, or at once when it has come."""
        with self._lock:
            self._open = [known for known in self._open if known.fileno() >= 0]
            self._open.append(opened)
            if self._is_shut:
                _shut(opened)

    def shut(self) -> None:
        """End what is under way on them, and whatever is begun later."""
        with self._lock:
            self._is_shut = True
            for opened in self._open:
                _shut(opened)

    def register_through(self, context: ssl.SSLContext) -> None:
        """Let every connection that is secured with the context be added, before its handshake."""

        class Registered(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:
                sockets.add(self)
                super().do_handshake(block)

        sockets = self
        context.sslsocket_class = Registered


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # the peer may have gone first
        # not SSLSocket.shutdown: that one forgets the TLS state under a reading thread
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
