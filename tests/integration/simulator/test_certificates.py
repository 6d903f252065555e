"""Certificates of the simulated services, as strict clients see them."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.certificates import CA_FILE, shipped
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB002, BSB002_SECOND, BSB003
from adapters.simulator.hue.service import SimulatedBridge
from tests.support import alexa_client
from tests.support import make_certificates as make
from tests.support.bridge_client import ask, ask_on, connection, context, tcp


@pytest.fixture
def bridge(simulated_home: SimulatedHome) -> SimulatedBridge:
    return simulated_home.bridge


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


@pytest.fixture
def three(home_clock: MemoryClock) -> Iterator[SimulatedHome]:
    with SimulatedHome(clock=home_clock, bridges=(BSB002, BSB002_SECOND, BSB003)).running() as home:
        yield home


def handshake(bridge: SimulatedBridge, trusting: ssl.SSLContext, server_name: str | None) -> bytes:
    """Return the certificate that the bridge shows, in DER form."""
    with tcp(bridge.address) as bare, trusting.wrap_socket(bare, server_hostname=server_name) as secured:
        shown = secured.getpeercert(binary_form=True)
        assert shown is not None
        return shown


def unverified() -> ssl.SSLContext:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    return trusting


def test_bridge_is_verified_by_its_id_in_any_case(three: SimulatedHome) -> None:
    fingerprints = set()
    for bridge in three.bridges:
        shown = handshake(bridge, context(bridge), bridge.id.upper())
        assert shown == handshake(bridge, context(bridge), bridge.id.lower())
        assert hashlib.sha256(shown).hexdigest() == bridge.certificate_sha256
        fingerprints.add(bridge.certificate_sha256)
    assert len(fingerprints) == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [("001788fffe000000", "Hostname mismatch"), ("127.0.0.1", "IP address mismatch")],
)
def test_bridge_has_no_other_name(bridge: SimulatedBridge, name: str, message: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=message):
        handshake(bridge, context(bridge), name)


def test_bridge_needs_its_own_root_and_lenient_checks(bridge: SimulatedBridge) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        handshake(bridge, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), bridge.id)
    san_only, strict = context(bridge), context(bridge)
    san_only.hostname_checks_common_name = False
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(bridge, san_only, bridge.id)
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    with pytest.raises(ssl.SSLCertVerificationError, match="Missing Authority Key Identifier"):
        handshake(bridge, strict, bridge.id)


@pytest.mark.parametrize(
    ("kind", "bridge_message", "alexa_message"),
    [
        ("other", "Hostname mismatch", "not valid for"),
        ("self-signed", "self.signed certificate", "self.signed certificate"),
        ("expired", "certificate has expired", "certificate has expired"),
    ],
)
def test_wrong_certificate_is_shown_while_the_fault_lasts(
    simulated_home: SimulatedHome, kind: str, bridge_message: str, alexa_message: str
) -> None:
    bridge, alexa = simulated_home.bridge, simulated_home.alexa
    for service in (bridge, alexa):
        service.faults.add(f"kind=certificate which={kind} count=1")
    with pytest.raises(ssl.SSLCertVerificationError, match=bridge_message):
        ask(bridge, "/api/config")
    assert ask(bridge, "/api/config").status == 200
    with pytest.raises(ssl.SSLCertVerificationError, match=alexa_message):
        alexa_client.ask(alexa, "/api/phoenix")
    assert alexa_client.ask(alexa, "/api/phoenix").status == 299


def test_wrong_certificate_needs_no_server_name_and_ends_old_connections(bridge: SimulatedBridge) -> None:
    right = handshake(bridge, unverified(), None)
    with connection(bridge) as kept:
        assert ask_on(kept, "/api/config").status == 200
        bridge.faults.add("kind=certificate")
        assert handshake(bridge, unverified(), None) != right
        with pytest.raises(ConnectionResetError):
            ask_on(kept, "/api/config")


@pytest.mark.parametrize(
    "name",
    ["localhost", "www.amazon.co.jp"],
)
def test_alexa_answers_under_every_name(alexa: SimulatedAlexa, name: str) -> None:
    assert alexa_client.ask(alexa, "/api/phoenix", name=name).status == 299


def test_alexa_certificate_covers_the_markets_and_nothing_else(alexa: SimulatedAlexa) -> None:
    for market in ("com", "co.uk", "de", "fr", "it", "es", "co.jp", "com.au", "ca", "in", "com.br"):
        assert {f"{host}.amazon.{market}" for host in ("alexa", "api", "www")} <= set(make.ALEXA_NAMES)
    with (
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
        alexa_client.connection(alexa, "alexa.example.com"),
    ):
        pass
    alexa.ca_file = CA_FILE
    with pytest.raises(ssl.SSLCertVerificationError), alexa_client.connection(alexa):
        pass


def test_shipped_certificates_look_like_those_of_bridges() -> None:
    for model in (BSB002, BSB002_SECOND, BSB003):
        assert model.certificate is not None
        certificate = x509.load_pem_x509_certificate(shipped(model.certificate).file.read_bytes())
        [name] = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert name.value == (model.bridge_id.upper() if model is BSB003 else model.bridge_id)
        assert certificate.not_valid_after_utc.year == 2080
        with pytest.raises(x509.ExtensionNotFound):
            certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
