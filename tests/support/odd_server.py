"""A server with a bridge's certificate that behaves as a test wants, byte by byte."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from adapters.simulator import certificates

CA_FILE = Path(certificates.__file__).with_name("ca.pem")
LEAF_FILE = CA_FILE.with_name("bsb002.pem")
BRIDGE_ID = "001788fffe5a1e57"
_LIMIT_S = 30.0

Behaviour = Callable[[socket.socket], None]


@attrs.define
class OddServer:
    """Its address, and how many connections it accepted."""

    address: str
    connections: int = 0


@contextmanager
def odd_server(behave: Behaviour, *, secure: bool = True, host: str = "127.0.0.1") -> Iterator[OddServer]:
    """Serve each connection by `behave`, after the handshake if it is secure; ignore OSErrors."""
    context = _context() if secure else None
    threads: list[threading.Thread] = []
    opened: list[socket.socket] = []

    def serve(bare: socket.socket) -> None:
        with contextlib.suppress(OSError), bare:
            bare.settimeout(_LIMIT_S)
            if context is None:
                behave(bare)
                return
            with context.wrap_socket(bare, server_side=True) as secured:
                opened.append(secured)
                behave(secured)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                bare, _ = listener.accept()
                server.connections += 1
                opened.append(bare)
                threads.append(threading.Thread(target=serve, args=(bare,), name="odd server", daemon=True))
                threads[-1].start()

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        shown = f"[{host}]" if ":" in host else host
        server = OddServer(f"{shown}:{listener.getsockname()[1]}")
        threads.append(threading.Thread(target=accept, name="odd server", daemon=True))
        threads[0].start()
        try:
            yield server
        finally:
            for each in (listener, *opened):
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)
            for thread in threads:
                thread.join(_LIMIT_S)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(LEAF_FILE)
    return context


def asked(connection: socket.socket) -> str:
    """Return the path of the next request. Raise ConnectionError if there is none."""
    request = b""
    while b"\r\n\r\n" not in request:
        piece = connection.recv(65_536)
        if not piece:
            raise ConnectionError("no request")
        request += piece
    return request.split(b" ", 2)[1].decode()


def reply(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a reply with that body, as JSON unless the headers say otherwise."""
    given = "".join(f"{header}\r\n" for header in headers).lower()
    length = (
        ""
        if "content-length:" in given or "transfer-encoding:" in given
        else f"Content-Length: {len(body)}\r\n"
    )
    kind = "" if "content-type:" in given else "Content-Type: application/json\r\n"
    lines = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status}\r\n{kind}{length}{lines}\r\n".encode("latin-1") + body


def always(answer: bytes) -> Behaviour:
    """Return the behaviour that answers every request with the same bytes."""

    def behave(connection: socket.socket) -> None:
        while True:
            asked(connection)
            connection.sendall(answer)

    return behave


def saying(words: bytes, every_s: float | None = None) -> Behaviour:
    """Return the behaviour that sends the words once, or again and again."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(words)
        while every_s is not None:
            threading.Event().wait(every_s)
            connection.sendall(words)
        while connection.recv(65_536):
            pass

    return behave
