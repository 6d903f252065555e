"""Certificates of the simulated services; they are files in this folder."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import attrs

_FOLDER = Path(__file__).parent
_END = "-----END CERTIFICATE-----\n"

CA_FILE = _FOLDER / "ca.pem"
AMAZON_CA_FILE = _FOLDER / "amazon-ca.pem"


@attrs.frozen(kw_only=True)
class Certificate:
    """A certificate with its chain and key; `key_file` is None if the key is in the same file."""

    file: Path
    key_file: Path | None = None

    def server_context(self) -> ssl.SSLContext:
        """Return a context for a server that shows it. Raise OSError (also ssl.SSLError)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key_file)
        return context


def shipped(name: str) -> Certificate:
    """Return a leaf certificate by the name of its file."""
    return Certificate(file=_FOLDER / name)


def sha256(name: str) -> str:
    """Return the SHA-256 of a leaf certificate in DER form, in lower-case hexadecimal digits."""
    certificate, end, _key = (_FOLDER / name).read_text("ascii").partition(_END)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate + end)).hexdigest()
