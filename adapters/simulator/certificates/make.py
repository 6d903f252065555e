"""Makes the certificates of the simulated bridges anew: `python adapters/simulator/certificates/make.py`.

Needs `cryptography`, which only the development environment has. The authority's key is thrown away at the
end, so nothing else can be signed with it: every run replaces all files together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = Path(__file__).parent
BEGINS = datetime(2017, 1, 1, tzinfo=UTC)
# Past 2038 and 2049, where 32-bit clocks and the short ASN.1 date end; both are read correctly by OpenSSL.
ENDS = datetime(2080, 1, 1, tzinfo=UTC)


@attrs.frozen(kw_only=True)
class Leaf:
    """One certificate file: the name in it, and what is peculiar about it."""

    file: str
    common_name: str
    ends: datetime = ENDS
    self_signed: bool = False
    names_its_authority: bool = False


# The common name is the bridge id: lower case on a BSB002, upper case on a Bridge Pro. None has a SAN.
LEAVES = (
    Leaf(file="bsb002.pem", common_name="001788fffe5a1e57"),
    Leaf(file="bsb002-second.pem", common_name="ecb5fafffe20c0de", names_its_authority=True),
    Leaf(file="bsb003.pem", common_name="C42996FFFE0D1E5E", names_its_authority=True),
    Leaf(file="other.pem", common_name="001788fffe0ddba1"),
    Leaf(file="self-signed.pem", common_name="001788fffe5a1e57", self_signed=True),
    Leaf(file="expired.pem", common_name="001788fffe5a1e57", ends=datetime(2022, 1, 1, tzinfo=UTC)),
)


def main(folder: Path = FOLDER) -> None:
    """Write the authority's certificate and every leaf with its key."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority(authority_key)
    (folder / "ca.pem").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for leaf in LEAVES:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(leaf, key, authority, authority_key)
        (folder / leaf.file).write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name("simulated root-bridge")
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINS)
        .not_valid_after(ENDS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    leaf: Leaf,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    name = _name(leaf.common_name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if leaf.self_signed else authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINS)
        .not_valid_after(leaf.ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if leaf.names_its_authority:
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
        builder = builder.add_extension(identifier, critical=False)
    return builder.sign(key if leaf.self_signed else authority_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Philips Hue (simulated)"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


if __name__ == "__main__":
    main()
