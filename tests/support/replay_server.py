"""A bridge of recorded bytes, by path: of the standard library alone, and of nothing that the program has."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_EXTENSIONS = """\
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
keyUsage = digitalSignature
extendedKeyUsage = serverAuth
"""


class ReplayServer(ThreadingHTTPServer):
    """Answers GET with the bytes of its path, else 404; `paths` and `connections` are what it has seen."""

    def __init__(self, recorded: Mapping[str, bytes], chain: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.recorded = recorded
        self.paths: list[str] = []
        self.connections = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.address = f"127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[Any, Any]:
        accepted = super().get_request()
        self.connections += 1
        return accepted


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ReplayServer

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        body = self.server.recorded.get(self.path)
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "text/html" if body is None else "application/json")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def replaying(recorded: Mapping[str, bytes], chain: Path) -> Iterator[ReplayServer]:
    """Serves until the block ends."""
    with ReplayServer(recorded, chain) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def make_chain(folder: Path, common_name: str) -> tuple[Path, Path]:
    """Files made by openssl: the root, and a leaf without a SAN with its key and its intermediate."""
    (folder / "extensions").write_text(_EXTENSIONS)
    _certificate(folder, "root", "root-bridge", "authority", "root")
    _certificate(folder, "intermediate", "intermediate-bridge", "authority", "root")
    _certificate(folder, "leaf", common_name, "leaf", "intermediate")
    chain = folder / "chain.pem"
    names = ("leaf.pem", "leaf.key", "intermediate.pem")
    chain.write_bytes(b"".join((folder / name).read_bytes() for name in names))
    return folder / "root.pem", chain


def _certificate(folder: Path, name: str, common_name: str, extensions: str, issuer: str) -> None:
    signed = f"-CA {issuer}.pem -CAkey {issuer}.key -CAcreateserial"
    signature = "-signkey root.key" if issuer == name else signed
    subject = f"/C=NL/O=Philips Hue/CN={common_name}"
    making = f"x509 -req -in {name}.csr -out {name}.pem -days 2 -sha256 {signature}"
    for command, *more in (
        (f"ecparam -name prime256v1 -genkey -noout -out {name}.key",),
        (f"req -new -key {name}.key -out {name}.csr -subj", subject),
        (f"{making} -extfile extensions -extensions {extensions}",),
    ):
        words = ["openssl", *command.split(), *more]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
