"""The certificates of the simulated bridges, shipped as files beside this one."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

_FOLDER = Path(__file__).parent
_END = "-----END CERTIFICATE-----\n"

CA_FILE = _FOLDER / "ca.pem"


def leaf_file(name: str) -> Path:
    """A leaf certificate and its key, in one file."""
    return _FOLDER / name


def sha256(name: str) -> str:
    """The SHA-256 of a leaf certificate's DER form, in lower-case hexadecimal digits."""
    certificate, end, _key = leaf_file(name).read_text("ascii").partition(_END)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate + end)).hexdigest()


def server_context(name: str) -> ssl.SSLContext:
    """A server's context that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf_file(name))
    return context
