"""Where Amazon answers, and what the program calls itself there."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

# There is no documented API: every client is, to Amazon, the Alexa app on a phone.
APP_NAME = "Amazon Alexa"
APP_VERSION = "2.2.663733.0"
DEVICE_MODEL = "iPhone"
DEVICE_TYPE = "A2IVLV5VM2W81"
OS_VERSION = "18.5"
USER_AGENT = f"AmazonWebView/AmazonAlexa/{APP_VERSION}/iOS/{OS_VERSION}/iPhone"


@attrs.frozen(kw_only=True)
class Hosts:
    """The base URLs of one account: data, tokens, cookies; `domain` is that of its shop."""

    domain: str
    alexa: str
    api: str
    www: str


def hosts_of(
    domain: str, *, alexa: str | None = None, api: str | None = None, www: str | None = None
) -> Hosts:
    """The hosts of a domain such as `amazon.co.uk`, each replaced where another one is given."""
    return Hosts(
        domain=domain,
        alexa=(alexa or f"https://alexa.{domain}").rstrip("/"),
        # tokens of every country come from here
        api=(api or "https://api.amazon.com").rstrip("/"),
        www=(www or f"https://www.{domain}").rstrip("/"),
    )


def app_form() -> Mapping[str, str]:
    """What the app tells of itself with every form that asks for a token."""
    return {
        "app_name": APP_NAME,
        "app_version": APP_VERSION,
        "di.hw.version": DEVICE_MODEL,
        "di.os.name": "iOS",
        "di.os.version": OS_VERSION,
        "platform": "iOS",
    }
