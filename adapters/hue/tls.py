"""Proofs of a bridge's identity in TLS, and open sockets that another thread can shut."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import attrs

SIGNIFY_ROOTS = Path(__file__).with_name("roots.pem")


@attrs.frozen
class SignedBy:
    """The leaf must be signed by one of the roots, and its common name must be the bridge's id."""

    roots: Path
    bridge_id: str


@attrs.frozen
class Pinned:
    """The leaf must be the one with this SHA-256 (64 hex digits)."""

    certificate_sha256: str


Proof = SignedBy | Pinned


@attrs.frozen
class Leaf:
    """The certificate that a server presents, unverified. `common_name` is None if it is no bridge id."""

    common_name: str | None
    sha256: str

    @classmethod
    def of(cls, der: bytes) -> Leaf:
        """Return it from its DER form."""
        return cls(_common_name(der), hashlib.sha256(der).hexdigest())


def tls_context(proof: Proof) -> ssl.SSLContext:
    """Return a TLS context that accepts nothing but the proof.

    Not `create_default_context`: from Python 3.13 that one insists on extensions that a bridge's leaf
    lacks. The common name is checked because the leaf has no subjectAltName.
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


class FetchLeaf(Protocol):
    """See `fetch_leaf`."""

    def __call__(
        self, host: str, port: int, *, roots: Path | None, timeout_s: float, sockets: OpenSockets
    ) -> Leaf: ...


def fetch_leaf(host: str, port: int, *, roots: Path | None, timeout_s: float, sockets: OpenSockets) -> Leaf:
    """Return the leaf that a server presents. With `roots`, accept only one that they signed.

    Send nothing beyond the handshake. Raise OSError (ssl.SSLError among them), and ValueError for an
    impossible host.
    """
    context = leaf_context(roots)
    sockets.register_through(context)
    with (
        socket.create_connection((host, port), timeout=timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=None) as connection,
    ):
        der = connection.getpeercert(binary_form=True) or b""
    return Leaf.of(der)


def leaf_context(roots: Path | None) -> ssl.SSLContext:
    """Return a TLS context that accepts any leaf, with `roots` only those that they signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if roots is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cafile=str(roots))
    return context


def _common_name(der: bytes) -> str | None:
    """Return the last common name (OID 2.5.4.3) in a certificate that looks like a bridge id.

    `getpeercert()` parses verified certificates only, and this one may be unverified. The issuer's name
    comes before the subject's.
    """
    names = re.findall(rb"\x06\x03\x55\x04\x03[\x0c\x13]\x10([0-9A-Fa-f]{16})", der)
    return names[-1].decode().lower() if names else None


class OpenSockets:
    """Open sockets to shut from another thread: closing one does not wake its reader, shutting does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._is_shut = False
        self.has_handshake = False  # whether one was completed

    def add(self, opened: socket.socket) -> None:
        """Register a socket; shut it at once if `shut` was called before."""
        with self._lock:
            self._open = [known for known in self._open if known.fileno() >= 0]
            self._open.append(opened)
            if self._is_shut:
                _shut(opened)

    def interrupt(self) -> None:
        """Shut all sockets that are open now."""
        with self._lock:
            for opened in self._open:
                _shut(opened)

    def shut(self) -> None:
        """Shut all sockets, and each that is registered later."""
        with self._lock:
            self._is_shut = True
        self.interrupt()

    def register_through(self, context: ssl.SSLContext) -> None:
        """Register each socket that the context secures, before its handshake."""

        class RegisteredSocket(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:
                sockets.add(self)
                super().do_handshake(block)
                sockets.has_handshake = True

        sockets = self
        context.sslsocket_class = RegisteredSocket


def _shut(opened: socket.socket) -> None:
    with suppress(OSError):  # the peer may have closed it
        # not SSLSocket.shutdown: that one drops the TLS state while a thread is reading
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
