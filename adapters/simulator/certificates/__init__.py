"""The certificates of the simulated services, shipped as files beside this one."""

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
    """A certificate, with its chain if it has one, and its key; None when that is in the same file."""

    file: Path
    key_file: Path | None = None

    def server_context(self) -> ssl.SSLContext:
        """A server's context that shows it. OSError (of which ssl.SSLError is one): it cannot be used."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.key_file)
        return context


def leaf_file(name: str) -> Path:
    """A leaf certificate and its key, in one file."""
    return _FOLDER / name


def shipped(name: str) -> Certificate:
    """A leaf certificate by the name of its file."""
    return Certificate(file=leaf_file(name))


def sha256(name: str) -> str:
    """The SHA-256 of a leaf certificate's DER form, in lower-case hexadecimal digits."""
    certificate, end, _key = leaf_file(name).read_text("ascii").partition(_END)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate + end)).hexdigest()
