"""The forms of texts in a configuration, and the one spelling that each has inside the program."""

from __future__ import annotations

import re

from config.markers import Form

_HOST = re.compile(
    r"(?P<scheme>https?://)?(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.%a-z]{2,60}\])(:(?P<port>[0-9]{1,5}))?/?"
)
_AMAZON = re.compile(r"(https://)?(www\.|alexa\.)?(?P<domain>amazon\.[a-z]{2,3}(\.[a-z]{2})?)/?")


def _bridge_id(text: str) -> str:
    return _hexadecimal(text, 16)


def _certificate(text: str) -> str:
    return _hexadecimal(text, 64)


def _hexadecimal(text: str, digits: int) -> str:
    plain = text.replace(":", "").replace(" ", "").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", plain):
        raise ValueError
    return plain


def _address(text: str) -> str:
    match = _HOST.fullmatch(text)
    if match is None or int(match["port"] or 1) not in range(1, 65536):
        raise ValueError
    scheme = "http://" if match["scheme"] == "http://" else ""
    port = f":{match['port']}" if match["port"] else ""
    return f"{scheme}{match['host'].lower()}{port}"


def _amazon_domain(text: str) -> str:
    # Credentials are sent there, so nothing but a domain of Amazon's is taken.
    match = _AMAZON.fullmatch(text.lower())
    if match is None:
        raise ValueError
    return match["domain"]


def _https_url(text: str) -> str:
    match = _HOST.fullmatch(text)
    if match is None or match["scheme"] != "https://" or int(match["port"] or 1) not in range(1, 65536):
        raise ValueError
    return text.rstrip("/").lower()


def _zone(text: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text)
    except (KeyError, OSError) as error:  # a name that is a folder of the zone database is an OSError
        raise ValueError from error
    return text


BRIDGE_ID = Form(
    due="a bridge id: 16 hexadecimal digits",
    normalised=_bridge_id,
    pattern="^([0-9A-Fa-f][: ]?){16}$",
    as_written=True,
)
CERTIFICATE_SHA256 = Form(
    due="a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons",
    normalised=_certificate,
    pattern="^([0-9A-Fa-f][: ]?){64}$",
    as_written=True,
)
ADDRESS = Form(
    due="an address: host, host:port, or http://host[:port] for a bridge without HTTPS",
    normalised=_address,
    pattern=r"^(https?://)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%a-z]+\])(:[0-9]{1,5})?/?$",
)
AMAZON_DOMAIN = Form(
    due="a domain of Amazon's, such as amazon.com or amazon.co.uk",
    normalised=_amazon_domain,
    pattern=r"^(https://)?(www\.|alexa\.)?amazon\.[a-z]{2,3}(\.[a-z]{2})?/?$",
)
HTTPS_URL = Form(
    due="a URL without a path: https://host or https://host:port",
    normalised=_https_url,
    pattern=r"^https://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%a-z]+\])(:[0-9]{1,5})?/?$",
)
ZONE = Form(due="the name of a time zone, such as Europe/Berlin", normalised=_zone)
