"""The sockets that a read has open, so that another thread can end it."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress


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
