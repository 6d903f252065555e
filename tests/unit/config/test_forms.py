"""The one spelling of ids, fingerprints, addresses, domains and zones."""

from __future__ import annotations

import re

import pytest

from config.forms import ADDRESS, AMAZON_DOMAIN, BRIDGE_ID, CERTIFICATE_SHA256, ZONE
from config.markers import Form

FINGERPRINT = "AB:" * 31 + "0F"


@pytest.mark.parametrize(
    ("form", "written", "normalised"),
    [
        (BRIDGE_ID, "001788FFFE123456", "001788fffe123456"),
        (CERTIFICATE_SHA256, FINGERPRINT, "ab" * 31 + "0f"),
        (ADDRESS, "192.168.1.2", "192.168.1.2"),
        (ADDRESS, "Bridge.local:8443", "bridge.local:8443"),
        (ADDRESS, "http://192.168.1.2/", "http://192.168.1.2"),
        (ADDRESS, "http://192.168.1.2:8080", "http://192.168.1.2:8080"),
        (ADDRESS, "https://192.168.1.2:443/", "192.168.1.2:443"),
        (ADDRESS, "[fe80::1]:443", "[fe80::1]:443"),
        (AMAZON_DOMAIN, "https://alexa.amazon.co.uk/", "amazon.co.uk"),
        (AMAZON_DOMAIN, "www.Amazon.de", "amazon.de"),
        (ZONE, "Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_every_accepted_spelling_has_one_form_that_the_schema_takes_too(
    form: Form, written: str, normalised: str
) -> None:
    assert form.normalised(written) == normalised
    assert form.normalised(normalised) == normalised
    assert form.pattern is None or re.search(form.pattern, written.lower())


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (BRIDGE_ID, "001788fffe12345"),
        (BRIDGE_ID, "001788fffe12345g"),
        (CERTIFICATE_SHA256, "ab" * 31),
        (ADDRESS, "192.168.1.2:0"),
        (ADDRESS, "192.168.1.2:70000"),
        (ADDRESS, "http://192.168.1.2/api"),
        (ADDRESS, "ftp://192.168.1.2"),
        (ADDRESS, "user@192.168.1.2"),
        (AMAZON_DOMAIN, "amazon.com.evil.example"),
        (AMAZON_DOMAIN, "notamazon.com"),
        (AMAZON_DOMAIN, "http://amazon.com"),
        (ZONE, "Mars/Olympus"),
        (ZONE, "../etc/passwd"),
        (ZONE, "Europe"),
        (ZONE, "/etc/localtime"),
    ],
)
def test_anything_else_is_refused(form: Form, written: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        form.normalised(written)
