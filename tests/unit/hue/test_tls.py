"""Bridge ids in certificates, and the TLS contexts of proofs."""

from __future__ import annotations

import ssl

import pytest

from adapters.hue.tls import SIGNIFY_ROOTS, Pinned, SignedBy, _common_name, tls_context
from adapters.simulator import certificates


def der(name: str) -> bytes:
    pem = certificates.shipped(name).file.read_text()
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(pem[: pem.index(end) + len(end)])


@pytest.mark.parametrize(
    ("name", "bridge_id"),
    [
        ("bsb002.pem", "001788fffe5a1e57"),
        ("bsb003.pem", "c42996fffe0d1e5e"),
        ("self-signed.pem", "001788fffe5a1e57"),
    ],
)
def test_bridge_id_is_the_common_name_in_lower_case(name: str, bridge_id: str) -> None:
    assert _common_name(der(name)) == bridge_id


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        der("bsb002.pem")[:20],
        b"\x06\x03\x55\x04\x03\x0c\x10001788",
        der("bsb002.pem").replace(b"001788fffe5a1e57", b"www.example.host"),
    ],
)
def test_other_content_has_no_bridge_id(content: bytes) -> None:
    assert _common_name(content) is None


def test_issuer_is_not_taken_for_the_bridge() -> None:
    name = b"\x06\x03\x55\x04\x03\x0c\x10"
    both = name + b"ecb5fafffe000001" + b"..." + name + b"001788FFFE000002"
    assert _common_name(both) == "001788fffe000002"


def test_signify_roots_are_loaded_and_check_the_common_name() -> None:
    context = tls_context(SignedBy(SIGNIFY_ROOTS, "001788fffe5a1e57"))
    roots = str([each["subject"] for each in context.get_ca_certs()])
    assert len(context.get_ca_certs()) == 2
    assert "root-bridge" in roots
    assert "Hue Root CA 01" in roots
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.hostname_checks_common_name


def test_public_authorities_are_not_trusted() -> None:
    assert len(tls_context(SignedBy(certificates.CA_FILE, "x")).get_ca_certs()) == 1
    assert tls_context(Pinned("ab" * 32)).get_ca_certs() == []
