"""What a home keeps in its secrets.yaml, as far as the program uses it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import attrs

from config.kinds import BridgeId
from config.markers import Meaning
from domain.values import frozen

# Browsers' names for Amazon's cookies: no secrets themselves, so that a message may name them.
COOKIE_NAMES = frozenset(
    {
        "at-main",
        "csrf",
        "sess-at-main",
        "session-id",
        "session-id-time",
        "session-token",
        "ubid-main",
        "x-main",
    }
)


@frozen
class Secret:
    """A text that neither repr nor str nor a format shows; `value` is the text."""

    value: str = attrs.field(repr=False)


@frozen(kw_only=True)
class BridgeSecrets:
    """The key of one of several bridges."""

    id: Annotated[BridgeId, Meaning("The bridge's id, as in collectors.hue.bridges.")]
    api_key: Annotated[
        Secret | None, Meaning("The key that the bridge gave out when its button was pressed.")
    ] = None


@frozen(kw_only=True)
class HueSecrets:
    api_key: Annotated[Secret | None, Meaning("The key of the only bridge.")] = None
    bridge_id: Annotated[BridgeId | None, Meaning("The id of the only bridge.")] = None
    bridges: Annotated[tuple[BridgeSecrets, ...], Meaning("The keys of several bridges.")] = ()


@frozen(kw_only=True)
class AmazonAqmSecrets:
    cookies: Annotated[Mapping[str, Secret], Meaning("Cookies of a signed-in browser, by name.")] = (
        # A name may be a value that was written on the wrong side of the colon.
        attrs.field(factory=dict, repr=False)
    )
    refresh_token: Annotated[
        Secret | None, Meaning("The token that signing in gave; better than cookies.")
    ] = None

    @property
    def are_given(self) -> bool:
        return self.refresh_token is not None or bool(self.cookies)


@frozen(kw_only=True)
class AlertSecrets:
    mail_password: Annotated[Secret | None, Meaning("The password of alerts.mail.username.")] = None
    ping_url: Annotated[
        Secret | None, Meaning("What is called after each cycle, and with /fail when nothing was stored.")
    ] = None


@frozen(kw_only=True)
class Secrets:
    """The sections that the program uses; whatever else the file holds is none of its business."""

    hue: HueSecrets = attrs.field(factory=HueSecrets)
    amazon_aqm: AmazonAqmSecrets = attrs.field(factory=AmazonAqmSecrets)
    alerts: AlertSecrets = attrs.field(factory=AlertSecrets)

    def values(self) -> Iterator[str]:
        """Every secret text, for a redactor. Never to be shown."""
        everything = [
            self.hue.api_key,
            *(bridge.api_key for bridge in self.hue.bridges),
            self.amazon_aqm.refresh_token,
            *self.amazon_aqm.cookies.values(),
            self.alerts.mail_password,
            self.alerts.ping_url,
        ]
        yield from (secret.value for secret in everything if secret is not None)
