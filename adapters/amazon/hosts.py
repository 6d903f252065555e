"""The URLs of an Amazon account, and the app that the program presents itself as."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

# There is no documented API: to Amazon, every client is the Alexa app on a phone.
APP_NAME = "Amazon Alexa"
APP_VERSION = "2.2.663733.0"
DEVICE_MODEL = "iPhone"
DEVICE_TYPE = "A2IVLV5VM2W81"
OS_VERSION = "18.5"
USER_AGENT = f"AmazonWebView/AmazonAlexa/{APP_VERSION}/iOS/{OS_VERSION}/iPhone"


@attrs.frozen(kw_only=True)
class Hosts:
    """The base URLs for data, tokens and cookies; `domain` is the account's shop, such as `amazon.co.uk`."""

    domain: str
    alexa: str
    api: str
    www: str


def hosts_of(
    domain: str, *, alexa: str | None = None, api: str | None = None, www: str | None = None
) -> Hosts:
    """Return the hosts of a shop's domain; a URL that is given replaces the usual one."""
    return Hosts(
        domain=domain,
        alexa=(alexa or f"https://alexa.{domain}").rstrip("/"),
        # one token service for all countries
        api=(api or "https://api.amazon.com").rstrip("/"),
        www=(www or f"https://www.{domain}").rstrip("/"),
    )


def app_form() -> Mapping[str, str]:
    """Return the form fields by which the app describes itself in every token request."""
    return {
        "app_name": APP_NAME,
        "app_version": APP_VERSION,
        "di.hw.version": DEVICE_MODEL,
        "di.os.name": "iOS",
        "di.os.version": OS_VERSION,
        "platform": "iOS",
    }
