"""The simulated Alexa service under Amazon's own names, and with certificates that are not right."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.certificates import CA_FILE, Certificate, leaf_file
from adapters.simulator.certificates.make import ALEXA_NAMES
from adapters.simulator.home import SimulatedHome
from tests.support.alexa_client import ask, connection


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


@pytest.mark.parametrize(
    "name",
    [
        "",
        "localhost",
        "alexa.amazon.com",
        "api.amazon.com",
        "www.amazon.com",
        "alexa.amazon.co.uk",
        "alexa.amazon.de",
        "www.amazon.co.jp",
        "alexa.amazon.com.au",
        "api.amazonalexa.com",
    ],
)
def test_it_answers_under_every_name_of_the_service(alexa: SimulatedAlexa, name: str) -> None:
    assert ask(alexa, "/api/phoenix", name=name).status == 299


def test_all_the_names_of_a_market_are_certified() -> None:
    for market in ("com", "co.uk", "de", "fr", "it", "es", "co.jp", "com.au", "ca", "in", "com.br"):
        assert {f"{host}.amazon.{market}" for host in ("alexa", "api", "www")} <= set(ALEXA_NAMES)


def test_another_name_is_not_certified(alexa: SimulatedAlexa) -> None:
    with (
        pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"),
        connection(alexa, "alexa.example.com"),
    ):
        pass


def test_the_authority_of_the_bridges_does_not_vouch_for_it(alexa: SimulatedAlexa) -> None:
    alexa.ca_file = CA_FILE
    with pytest.raises(ssl.SSLCertVerificationError), connection(alexa):
        pass


@pytest.mark.parametrize(
    ("which", "complaint"),
    [("other", "not valid for"), ("self-signed", "self.signed"), ("expired", "expired")],
)
def test_a_wrong_certificate_is_shown_while_the_fault_lasts(
    alexa: SimulatedAlexa, which: str, complaint: str
) -> None:
    alexa.faults.add(f"kind=certificate which={which} count=1")
    with pytest.raises(ssl.SSLCertVerificationError, match=complaint), connection(alexa):
        pass
    assert ask(alexa, "/api/phoenix").status == 299


def test_it_can_be_given_a_certificate_and_key(home_clock: MemoryClock, tmp_path: Path) -> None:
    both = leaf_file("alexa-self-signed.pem").read_text()
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    begins = both.index("-----BEGIN PRIVATE KEY")
    certificate.write_text(both[:begins])
    key.write_text(both[begins:])
    own = Certificate(file=certificate, key_file=key)
    with SimulatedHome(clock=home_clock, alexa_certificate=own).running() as home:
        assert home.alexa.ca_file == certificate
        assert ask(home.alexa, "/api/phoenix", name="alexa.amazon.com").status == 299


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_takes_it_for_the_real_one(alexa: SimulatedAlexa) -> None:
    words = ["--cacert", str(alexa.ca_file), "--connect-to", f"::{alexa.address}"]
    curled = subprocess.run(
        [
            "curl",
            "-sS",
            "--noproxy",
            "*",
            *words,
            "-w",
            "%{http_code}",
            "https://alexa.amazon.com/api/phoenix",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert curled.stderr == ""
    assert curled.stdout == "299"
