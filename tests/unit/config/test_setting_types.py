"""The one spelling of ids, fingerprints, addresses, domains, URLs and zones."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from config.setting_types import Address, AmazonDomain, BridgeId, CertificateSha256, HttpsUrl, Zone

FINGERPRINT = "AB:" * 31 + "0F"


@pytest.mark.parametrize(
    ("due", "written", "normalised"),
    [
        (BridgeId, "001788FFFE123456", "001788fffe123456"),
        (CertificateSha256, FINGERPRINT, "ab" * 31 + "0f"),
        (Address, "192.168.1.2", "192.168.1.2"),
        (Address, "Bridge.local:8443", "bridge.local:8443"),
        (Address, "http://192.168.1.2/", "http://192.168.1.2"),
        (Address, "http://192.168.1.2:8080", "http://192.168.1.2:8080"),
        (Address, "https://192.168.1.2:443/", "192.168.1.2:443"),
        (Address, "[fe80::1]:443", "[fe80::1]:443"),
        (HttpsUrl, "https://Alexa.example:8443/", "https://alexa.example:8443"),
        (AmazonDomain, "https://alexa.amazon.co.uk/", "amazon.co.uk"),
        (AmazonDomain, "www.Amazon.de", "amazon.de"),
        (Zone, "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_accepted_spelling_is_normalised_and_fits_the_schema(due: Any, written: str, normalised: str) -> None:
    form = get_args(due)[1]
    assert form(written) == normalised
    assert form(normalised) == normalised
    assert re.search(f"^{form.pattern}$", written)  # as in the JSON Schema


@pytest.mark.parametrize(
    ("due", "written"),
    [
        (BridgeId, "001788fffe12345"),
        (BridgeId, "001788fffe12345g"),
        (CertificateSha256, "ab" * 31),
        (Address, "192.168.1.2:0"),
        (Address, "192.168.1.2:70000"),
        (Address, "http://192.168.1.2/api"),
        (Address, "ftp://192.168.1.2"),
        (Address, "user@192.168.1.2"),
        (Address, "192.168.1"),
        (HttpsUrl, "http://alexa.example"),
        (HttpsUrl, "https://alexa.example/path"),
        (AmazonDomain, "amazon.com.evil.example"),
        (AmazonDomain, "amazon.frr"),
        (AmazonDomain, "amazon.co.fr"),
        (Address, "192.168.1.256"),
        (AmazonDomain, "notamazon.com"),
        (AmazonDomain, "http://amazon.com"),
        (Zone, "Mars/Olympus"),
        (Zone, "../etc/passwd"),
        (Zone, "Europe"),
        (Zone, "/etc/localtime"),
    ],
)
def test_other_spelling_is_refused(due: Any, written: str) -> None:
    with pytest.raises(ValueError, match=r"^must be (a|an|the) "):
        get_args(due)[1](written)
