"""Redaction of secrets."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.redaction import _HINTS, _SHAPES, MARK, SHORTEST_SECRET, Redactor
from tests.support.builders import a_reading

HUE_KEY = "QmVyZ2ZyaWVkLWFuZC1oaXMtbGFtcHMtYXQ5MzE5"
FAKE_PASSWORD = 'cor"rect h\\orse/b+attery ß'

# A secret with the mark in it could come into being by the blotting out of another one.
secrets = st.text(
    st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=SHORTEST_SECRET, max_size=40
)
texts = st.text(max_size=60)


def in_base64(secret: str, before: str = "", after: str = "") -> str:
    return base64.b64encode((before + secret + after).encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: secret,
    "json": json.dumps,
    "json in json": lambda secret: json.dumps(json.dumps(secret, ensure_ascii=False), ensure_ascii=False),
    "percent": lambda secret: quote(secret, safe=""),
    "percent, lower case": lambda secret: quote(secret, safe="").replace("%2F", "%2f"),
    "path": quote,
    "form": quote_plus,
    "base64": in_base64,
    "base64 after one byte": lambda secret: in_base64(secret, before="u"),
    "basic authorization": lambda secret: in_base64(secret, before="ab:"),
    "base64 before more": lambda secret: in_base64(secret, before="ab", after="!"),
    "url-safe base64": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_known_secret_is_redacted_in_every_form(encoding: str) -> None:
    encoded = ENCODINGS[encoding](FAKE_PASSWORD).strip('"')
    redacted = Redactor([FAKE_PASSWORD]).redact(f"before {encoded} after")
    assert MARK in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")
    assert not any(encoded[start : start + 6] in redacted for start in range(len(encoded) - 5))


@given(secret=secrets, others=st.lists(secrets, max_size=3), before=texts, after=texts)
def test_no_known_secret_survives_in_any_form(
    secret: str, others: list[str], before: str, after: str
) -> None:
    redactor = Redactor([secret, *others])
    for encode in ENCODINGS.values():
        encoded = encode(secret)
        redacted = redactor.redact(before + encoded + after)
        assert secret not in redacted
        assert encoded not in redacted


@given(secret=secrets, before=st.binary(max_size=20), after=st.binary(max_size=20))
def test_known_secret_is_found_inside_base64(secret: str, before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + secret.encode() + after).decode()
    redacted = Redactor([secret]).redact(text)
    assert redacted != text


@given(text=st.text(), secret=secrets)
def test_redaction_is_idempotent(text: str, secret: str) -> None:
    redactor = Redactor([secret])
    once = redactor.redact(text + secret)
    assert redactor.redact(once) == once


def test_longer_of_two_secrets_is_redacted_whole() -> None:
    assert Redactor(["secret", "secretive"]).redact("secretive") == MARK


def test_short_secret_is_ignored() -> None:
    assert Redactor(["12345", ""]).redact("took 12345 ms") == "took 12345 ms"
    assert len("12345") < SHORTEST_SECRET


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"GET /api/{HUE_KEY}/sensors", "GET /api/***/sensors"),
        (f"https://bridge/api/{HUE_KEY}", "https://bridge/api/***"),
        (f"hue-application-key: {HUE_KEY}", "hue-application-key: ***"),
        (f"{{'Hue-Application-Key': '{HUE_KEY}'}}", "{'Hue-Application-Key': '***'}"),
        (f'[{{"success": {{"username": "{HUE_KEY}"}}}}]', '[{"success": {"username": "***"}}]'),
        (f'body="[{{\\"username\\":\\"{HUE_KEY}\\"}}]"', 'body="[{\\"username\\":\\"***\\"}]"'),
        ("refresh Atnr|EwICIHsX-a/b+c== now", "refresh Atnr|*** now"),
        ("access Atza|IwEBIHsX-a/b+c== now", "access Atza|*** now"),
        ("source=Atna%7CEwICIHsX&next=1", "source=Atna%7C***&next=1"),
        ("Cookie: session-token=a/b+c; ubid-main=130-1", "Cookie: session-token=***; ubid-main=***"),
        ('at-acbde="Atza|x y"; lang=de', 'at-acbde="***"; lang=de'),
        ("csrf: 1234567", "csrf: ***"),
        ("Authorization: Bearer abc.DEF-1_2==", "Authorization: Bearer ***"),
        ("smtp://me:hunter2@mail.example", "smtp://me:***@mail.example"),
        ('password: "with some spaces"', 'password: "***"'),
        ("api_key: short", "api_key: ***"),
        ('{"access_token":"abc","expires_in":3600}', '{"access_token":"***","expires_in":3600}'),
    ],
)
def test_unknown_secret_is_redacted_by_its_shape(text: str, redacted: str) -> None:
    assert Redactor([]).redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/config",
        "GET /api/0/config",
        "GET /api/devices-v2/device?cached=false",
        "GET /clip/v2/resource/temperature",
        "the bridge refused the password",
        "see https://example.org/help:page for more",
        "2026-03-01T12:00:00.000Z INFO cycle source=hue duration_s=0.12 payload_bytes=812",
        str(a_reading()),
    ],
)
def test_harmless_text_is_unchanged(text: str) -> None:
    assert Redactor([FAKE_PASSWORD]).redact(text) == text


def test_known_secret_under_a_shorter_shape_is_redacted_whole() -> None:
    assert Redactor(["correct horse"]).redact("Authorization: Bearer correct horse") == (
        "Authorization: Bearer ***"
    )


@pytest.mark.parametrize("text", ["a-" * 50_000, "password" * 10_000, "://a:" * 20_000, "Bearer " * 10_000])
def test_long_text_is_redacted_quickly(text: str) -> None:
    Redactor([FAKE_PASSWORD]).redact(text)


@given(st.one_of(*(st.from_regex(re.compile(shape, re.IGNORECASE)) for shape in _SHAPES)))
def test_every_shape_has_a_hint(text: str) -> None:
    whole = re.compile("|".join(_SHAPES), re.IGNORECASE)
    assert Redactor(()).redact(text) == whole.sub(lambda match: match[match.lastindex or 0] + MARK, text)


@pytest.mark.parametrize(
    "example",
    [
        "hue-application-key: 1234",
        "USERNAME=1234",
        "clientkey=1234",
        "csrf=1234",
        "at-main=1234",
        "x-acbde=1234",
        "session-id=1234",
        "my_access_token=1234",
        "device_code=1234",
        "passwd=1234",
        "my_secret=1234",
        "/api/" + 20 * "a",
        "Atnr|1234",
        "Bearer 1234",
        "ftp://me:1234@host",
    ],
)
def test_each_shape_is_found_by_itself(example: str) -> None:
    assert sum(hint in example.lower() for hint in _HINTS) == 1
    assert MARK in Redactor(()).redact(example)
    assert MARK in Redactor(()).redact(f"ß {example}")
