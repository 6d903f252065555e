"""Make the certificates of the simulated services: `python -m tests.support.make_certificates ca.pem`.

The keys of the authorities are thrown away at the end, so every run replaces an authority with all its
leaves. The arguments are the files of the authorities; without any it replaces all.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.simulator.certificates import CA_FILE

BEGINS = datetime(2017, 1, 1, tzinfo=UTC)
# After 2038 and 2049, where 32-bit clocks and the short ASN.1 date end; OpenSSL reads both correctly.
ENDS = datetime(2080, 1, 1, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Leaf:
    """A certificate file: its names and its peculiarities."""

    file: str
    common_name: str
    alternative_names: tuple[str, ...] = ()
    ends: datetime = ENDS
    self_signed: bool = False
    has_authority_id: bool = False


@attrs.frozen(kw_only=True)
class Authority:
    """An authority and the leaves that it signs."""

    file: str
    common_name: str
    country: str
    organization: str
    leaves: tuple[Leaf, ...]


# The common name is the bridge id: lower case on a BSB002, upper case on a Bridge Pro. None has a SAN.
BRIDGES = Authority(
    file="ca.pem",
    common_name="simulated root-bridge",
    country="NL",
    organization="Philips Hue (simulated)",
    leaves=(
        Leaf(file="bsb002.pem", common_name="001788fffe5a1e57"),
        Leaf(file="bsb002-second.pem", common_name="ecb5fafffe20c0de", has_authority_id=True),
        Leaf(file="bsb003.pem", common_name="C42996FFFE0D1E5E", has_authority_id=True),
        Leaf(file="other.pem", common_name="001788fffe0ddba1"),
        Leaf(file="self-signed.pem", common_name="001788fffe5a1e57", self_signed=True),
        Leaf(file="expired.pem", common_name="001788fffe5a1e57", ends=datetime(2022, 1, 1, tzinfo=UTC)),
    ),
)

_MARKETS = (
    "com", "co.uk", "de", "fr", "it", "es", "nl", "pl", "se",
    "co.jp", "com.au", "ca", "in", "com.br", "com.mx",
)  # fmt: skip
ALEXA_NAMES = (
    *(f"{host}amazon.{market}" for market in _MARKETS for host in ("", "alexa.", "api.", "www.")),
    "layla.amazon.com",
    "pitangui.amazon.com",
    "api.amazonalexa.com",
    "alexa-comms-mobile-service.amazon.com",
    "localhost",
    "127.0.0.1",
    "::1",
)
_ALEXA = Leaf(
    file="alexa.pem", common_name="alexa.amazon.com", alternative_names=ALEXA_NAMES, has_authority_id=True
)
_PORTAL = "portal.example"
AMAZON = Authority(
    file="amazon-ca.pem",
    common_name="simulated Amazon root",
    country="US",
    organization="Amazon (simulated)",
    leaves=(
        _ALEXA,
        attrs.evolve(_ALEXA, file="alexa-other.pem", common_name=_PORTAL, alternative_names=(_PORTAL,)),
        attrs.evolve(_ALEXA, file="alexa-self-signed.pem", self_signed=True),
        attrs.evolve(_ALEXA, file="alexa-expired.pem", ends=datetime(2022, 1, 1, tzinfo=UTC)),
    ),
)


def main(folder: Path = CA_FILE.parent, files: Collection[str] = ()) -> None:
    """Write the certificates of the authorities, and their leaves with keys."""
    for authority in (BRIDGES, AMAZON):
        if authority.file in files or not files:
            _write(folder, authority)


def _write(folder: Path, authority: Authority) -> None:
    authority_key = ec.generate_private_key(ec.SECP256R1())
    root_name = _name(authority, authority.common_name)
    builder = _builder(root_name, root_name, authority_key, ENDS, is_authority=True)
    root = builder.sign(authority_key, hashes.SHA256())
    (folder / authority.file).write_bytes(root.public_bytes(serialization.Encoding.PEM))
    for leaf in authority.leaves:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(authority, leaf.common_name)
        builder = _builder(name, name if leaf.self_signed else root_name, key, leaf.ends, is_authority=False)
        if leaf.alternative_names:
            names = x509.SubjectAlternativeName([_alternative(each) for each in leaf.alternative_names])
            builder = builder.add_extension(names, critical=False)
        if leaf.has_authority_id and not leaf.self_signed:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        certificate = builder.sign(key if leaf.self_signed else authority_key, hashes.SHA256())
        (folder / leaf.file).write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    ends: datetime,
    *,
    is_authority: bool,
) -> x509.CertificateBuilder:
    """Return what an authority and a leaf have in common."""
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    constraints = x509.BasicConstraints(ca=is_authority, path_length=1 if is_authority else None)
    builder = (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(BEGINS)
        .not_valid_after(ends)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
    )
    if not is_authority:
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(purpose, critical=False)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.add_extension(identifier, critical=False)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(authority: Authority, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, authority.country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, authority.organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


if __name__ == "__main__":
    main(files=sys.argv[1:])
