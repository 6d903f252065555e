"""What the program uses of a home's secrets.yaml."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from config.refresh_token import RefreshToken
from config.setting_types import Address, BridgeId

# Names of Amazon's cookies are not secrets, so messages may quote them.
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


@attrs.frozen
class Secret:
    """A text that neither repr nor str nor a format shows; `value` is the text."""

    value: str = attrs.field(repr=False)


@attrs.frozen
class AlertSecret(Secret):
    """A secret of an alert: no fault in it stops collecting."""


@attrs.frozen(kw_only=True)
class BridgeSecrets:
    """The key of one of several bridges, which the bridge gave when its button was pressed."""

    id: BridgeId
    api_key: Secret | None = None


@attrs.frozen(kw_only=True)
class HueSecrets:
    """The key of the only bridge, or those of several. The oldest homes have its address here."""

    api_key: Secret | None = None
    bridge_id: BridgeId | None = None
    bridge_ip: Address | None = None
    bridges: tuple[BridgeSecrets, ...] = ()


@attrs.frozen(kw_only=True)
class AmazonAqmSecrets:
    # A name of a cookie may be its value, written on the wrong side of the colon.
    cookies: Mapping[str, Secret] = attrs.field(factory=dict, repr=False)
    refresh_token: RefreshToken | None = None

    @property
    def are_given(self) -> bool:
        return self.refresh_token is not None or bool(self.cookies)


@attrs.frozen(kw_only=True)
class AlertSecrets:
    mail_password: AlertSecret | None = None
    ping_url: AlertSecret | None = None

    @property
    def is_ping_url_usable(self) -> bool:
        url = "" if self.ping_url is None else self.ping_url.value
        return url.isascii() and url.startswith(("https://", "http://"))


@attrs.frozen(kw_only=True)
class Secrets:
    hue: HueSecrets = attrs.field(factory=HueSecrets)
    amazon_aqm: AmazonAqmSecrets = attrs.field(factory=AmazonAqmSecrets)
    alerts: AlertSecrets = attrs.field(factory=AlertSecrets)

    def values(self) -> Iterator[str]:
        """Yield the text of every secret, for a redactor."""
        secrets = [
            self.hue.api_key,
            *(bridge.api_key for bridge in self.hue.bridges),
            *self.amazon_aqm.cookies.values(),
            self.alerts.mail_password,
            self.alerts.ping_url,
        ]
        yield from (secret.value for secret in secrets if secret is not None)
        if (token := self.amazon_aqm.refresh_token) is not None:
            yield from {token.value, token.written} - {""}
