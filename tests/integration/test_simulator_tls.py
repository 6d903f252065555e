"""The simulated bridge's certificates, as strict clients see them."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter

from adapters.memory.runtime import MemoryClock
from adapters.simulator import certificates
from adapters.simulator.certificates import make
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB002, BSB002_OLD, BSB002_SECOND, BSB003
from adapters.simulator.hue.service import SimulatedBridge
from tests.support.bridge_client import ask, ask_on, connection, context, tcp


@pytest.fixture
def bridge(simulated_home: SimulatedHome) -> SimulatedBridge:
    return simulated_home.bridge


@pytest.fixture
def three(home_clock: MemoryClock) -> Iterator[SimulatedHome]:
    with SimulatedHome(clock=home_clock, bridges=(BSB002, BSB002_SECOND, BSB003)).running() as home:
        yield home


def handshake(bridge: SimulatedBridge, trusting: ssl.SSLContext, server_name: str | None) -> bytes:
    """The certificate that the bridge shows, in DER form."""
    with tcp(bridge.address) as bare, trusting.wrap_socket(bare, server_hostname=server_name) as secured:
        shown = secured.getpeercert(binary_form=True)
        assert shown is not None
        return shown


def trusting_anybody() -> ssl.SSLContext:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    return trusting


def test_a_bridge_is_known_by_its_id(bridge: SimulatedBridge) -> None:
    assert ask(bridge, "/api/config").status == 200


def test_the_case_of_the_id_does_not_matter(three: SimulatedHome) -> None:
    for bridge in three.bridges:
        assert handshake(bridge, context(bridge), bridge.id.upper())
        assert handshake(bridge, context(bridge), bridge.id.lower())


def test_another_id_is_refused(bridge: SimulatedBridge) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(bridge, context(bridge), "001788fffe000000")


def test_the_address_is_not_in_the_certificate(bridge: SimulatedBridge) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        handshake(bridge, context(bridge), "127.0.0.1")


def test_the_public_authorities_do_not_vouch_for_it(bridge: SimulatedBridge) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        handshake(bridge, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), bridge.id)


def test_a_client_that_insists_on_an_alternative_name_finds_none(bridge: SimulatedBridge) -> None:
    trusting = context(bridge)
    trusting.hostname_checks_common_name = False
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(bridge, trusting, bridge.id)


def test_strict_checks_miss_the_authority_key_identifier(bridge: SimulatedBridge) -> None:
    trusting = context(bridge)
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    with pytest.raises(ssl.SSLCertVerificationError, match="Missing Authority Key Identifier"):
        handshake(bridge, trusting, bridge.id)


def test_the_fingerprint_is_that_of_the_shown_certificate(three: SimulatedHome) -> None:
    fingerprints = set()
    for bridge in three.bridges:
        shown = handshake(bridge, context(bridge), bridge.id)
        assert hashlib.sha256(shown).hexdigest() == bridge.certificate_sha256
        fingerprints.add(bridge.certificate_sha256)
    assert len(fingerprints) == 3


def test_an_old_bridge_signs_for_itself(home_clock: MemoryClock) -> None:
    with SimulatedHome(clock=home_clock, bridges=(BSB002_OLD,)).running() as home:
        with pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate"):
            handshake(home.bridge, context(home.bridge), home.bridge.id)
        shown = handshake(home.bridge, trusting_anybody(), home.bridge.id)
        assert hashlib.sha256(shown).hexdigest() == home.bridge.certificate_sha256


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        ("other", "Hostname mismatch"),
        ("self-signed", "self-signed certificate"),
        ("expired", "certificate has expired"),
    ],
)
def test_a_wrong_certificate_can_be_shown_and_taken_back(
    bridge: SimulatedBridge, kind: str, complaint: str
) -> None:
    bridge.faults.add(f"kind=certificate which={kind}")
    with pytest.raises(ssl.SSLCertVerificationError, match=complaint):
        ask(bridge, "/api/config")
    bridge.faults.clear()
    assert ask(bridge, "/api/config").status == 200


def test_a_client_that_names_no_server_meets_the_wrong_certificate_too(bridge: SimulatedBridge) -> None:
    right = handshake(bridge, trusting_anybody(), None)
    bridge.faults.add("kind=certificate")
    assert handshake(bridge, trusting_anybody(), None) != right


def test_connections_from_before_the_wrong_certificate_are_gone(bridge: SimulatedBridge) -> None:
    with connection(bridge) as kept:
        assert ask_on(kept, "/api/config").status == 200
        bridge.faults.add("kind=certificate")
        with pytest.raises(ConnectionResetError):
            ask_on(kept, "/api/config")


def test_plain_http_on_the_secure_port_gets_no_bridge(bridge: SimulatedBridge) -> None:
    with tcp(bridge.address) as bare:
        bare.sendall(b"GET /api/config HTTP/1.1\r\nHost: bridge\r\n\r\n")
        assert b"bridgeid" not in bare.recv(1000)


class _ById(HTTPAdapter):
    """What `requests` needs in order to accept a bridge."""

    def __init__(self, bridge: SimulatedBridge) -> None:
        self._bridge = bridge
        super().__init__()

    def init_poolmanager(self, *arguments: object, **options: object) -> None:
        options |= {"ssl_context": context(self._bridge), "server_hostname": self._bridge.id}
        super().init_poolmanager(*arguments, **options)  # type: ignore[arg-type]


def test_requests_reads_it(bridge: SimulatedBridge) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(bridge.ca_file)
        session.mount("https://", _ById(bridge))
        reply = session.get(f"https://{bridge.address}/api/config", timeout=5)
    assert reply.json()["bridgeid"] == bridge.id.upper()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_reads_it_as_the_command_says(bridge: SimulatedBridge) -> None:
    words = ["--cacert", str(bridge.ca_file), "--connect-to", f"{bridge.id}::{bridge.address}"]
    curled = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", *words, f"https://{bridge.id}/api/config"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert curled.stderr == ""
    assert bridge.id.upper() in curled.stdout


def test_the_certificates_can_be_made_anew(tmp_path: Path) -> None:
    make.main(tmp_path)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    showing = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for authority in make.AUTHORITIES:
        trusting.load_verify_locations(tmp_path / authority.file)
        for leaf in authority.leaves:
            showing.load_cert_chain(tmp_path / leaf.file)
            assert certificates.leaf_file(leaf.file).exists()


def test_one_authority_can_be_made_anew_alone(tmp_path: Path) -> None:
    make.main(tmp_path, ["amazon-ca.pem"])
    assert {file.name for file in tmp_path.iterdir()} == {
        "amazon-ca.pem",
        "alexa.pem",
        "alexa-other.pem",
        "alexa-self-signed.pem",
        "alexa-expired.pem",
    }


def _written(file: Path) -> Mapping[str, str]:
    """Subject, issuer, end and alternative names of a certificate, as openssl writes them."""
    shown = subprocess.run(
        ["openssl", "x509", "-in", file, "-noout", "-subject", "-issuer", "-enddate", "-text"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = (
        line.partition("=")
        for line in shown.splitlines()
        if line.startswith(("subject=", "issuer=", "notAfter="))
    )
    return {name: value for name, _, value in lines} | {"text": shown}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_shipped_certificates_are_as_a_bridge_s() -> None:
    for model in (BSB002, BSB002_SECOND, BSB003):
        assert model.certificate is not None
        written = _written(certificates.leaf_file(model.certificate))
        name = (
            written["subject"].rpartition("= ")[2]
            if "= " in written["subject"]
            else written["subject"].rpartition("=")[2]
        )
        assert name == (model.bridge_id.upper() if model is BSB003 else model.bridge_id)
        assert "Subject Alternative Name" not in written["text"]
        assert "id-ecPublicKey" in written["text"]
        assert "2080" in written["notAfter"]
