"""What is taken from a certificate, and what a person is told of one."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from adapters.hue.errors import certificate_refusal, how_to_pin
from adapters.hue.tls import SIGNIFY_ROOTS, Leaf, Pinned, SignedBy, _common_name, context_for
from adapters.simulator import certificates
from domain.errors import SourceRefused


def der(name: str) -> bytes:
    pem = certificates.leaf_file(name).read_text()
    end = "-----END CERTIFICATE-----"
    return ssl.PEM_cert_to_DER_cert(pem[: pem.index(end) + len(end)])


@pytest.mark.parametrize(
    ("name", "bridge_id"),
    [
        ("bsb002.pem", "001788fffe5a1e57"),
        ("bsb003.pem", "c42996fffe0d1e5e"),
        ("self-signed.pem", "001788fffe5a1e57"),
        ("expired.pem", "001788fffe5a1e57"),
    ],
)
def test_the_bridge_s_id_is_the_subject_s_name_in_lower_case(name: str, bridge_id: str) -> None:
    assert _common_name(der(name)) == bridge_id


@pytest.mark.parametrize(
    "nothing", [b"", b"\x00" * 100, der("bsb002.pem")[:20], b"\x06\x03\x55\x04\x03\x0c\x10001788"]
)
def test_a_certificate_without_a_bridge_s_name_has_none(nothing: bytes) -> None:
    assert _common_name(nothing) is None


def test_a_name_that_is_no_bridge_id_is_none() -> None:
    assert _common_name(der("bsb002.pem").replace(b"001788fffe5a1e57", b"www.example.host")) is None


def test_the_issuer_s_name_is_not_taken_for_the_bridge_s() -> None:
    name = b"\x06\x03\x55\x04\x03\x0c\x10"
    assert (
        _common_name(name + b"ecb5fafffe000001" + b"..." + name + b"001788FFFE000002") == "001788fffe000002"
    )


def test_signify_s_roots_can_be_loaded_and_count_by_common_name() -> None:
    context = context_for(SignedBy(roots=SIGNIFY_ROOTS, bridge_id="001788fffe5a1e57"))
    roots = [str(each["subject"]) for each in context.get_ca_certs()]
    assert [name in str(roots) for name in ("root-bridge", "Hue Root CA 01")] == [True, True]
    assert len(roots) == 2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.hostname_checks_common_name


def test_no_public_authority_vouches_for_a_bridge() -> None:
    assert len(context_for(SignedBy(roots=certificates.CA_FILE, bridge_id="x")).get_ca_certs()) == 1
    assert context_for(Pinned(certificate_sha256="ab" * 32)).get_ca_certs() == []


@pytest.mark.parametrize(
    ("reason", "asks"), [("certificate has expired", True), ("self-signed certificate", False)]
)
def test_a_certificate_of_another_time_raises_the_question_of_the_clock(reason: str, asks: bool) -> None:
    error = ssl.SSLCertVerificationError(1, reason)
    error.verify_message = reason
    assert reason in certificate_refusal(error)
    assert ("is this computer's clock right?" in certificate_refusal(error)) is asks


def test_a_bridge_without_a_known_id_leaves_a_place_for_it() -> None:
    leaf = Leaf(common_name=None, sha256="ab" * 32)
    said = str(how_to_pin(SourceRefused("no"), "192.168.1.2", None, leaf, is_pinned=False))
    assert "id: 'ITS ID'" in said


def test_a_pin_that_does_not_fit_any_more_is_no_line_to_paste() -> None:
    leaf = Leaf(common_name=None, sha256="ab" * 32)
    said = str(how_to_pin(SourceRefused("no"), "192.168.1.2", None, leaf, is_pinned=True))
    assert "Somebody else may be answering" in said
    assert "bridges:" not in said


def test_the_roots_are_shipped_beside_the_module() -> None:
    assert SIGNIFY_ROOTS.parent == Path(__import__("adapters.hue").hue.__file__ or "").parent
