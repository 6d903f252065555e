"""The kinds of bridge that can stand in the simulated home."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from domain.values import frozen


@frozen(kw_only=True)
class BridgeModel:
    """One bridge and what its make and software can do.

    `certificate` is the name of a file in the certificates folder; None means that it has no HTTPS.
    `has_http` is False where every plain request is redirected.
    """

    model_id: str
    name: str
    bridge_id: str
    software_version: str
    api_version: str
    certificate: str | None
    has_http: bool = True
    has_v2: bool = True

    @property
    def mac(self) -> str:
        """The bridge id without the four digits in its middle."""
        digits = self.bridge_id[:6] + self.bridge_id[10:]
        return ":".join(digits[at : at + 2] for at in range(0, 12, 2)).lower()


BSB001 = BridgeModel(
    model_id="BSB001",
    name="Philips hue",
    bridge_id="001788fffe10c1de",
    software_version="01041302",
    api_version="1.16.0",
    certificate=None,
    has_v2=False,
)
BSB002 = BridgeModel(
    model_id="BSB002",
    name="Hue Bridge",
    bridge_id="001788fffe5a1e57",
    software_version="1975170000",
    api_version="1.75.0",
    certificate="bsb002.pem",
)
BSB002_SECOND = attrs.evolve(
    BSB002, name="Hue Bridge upstairs", bridge_id="ecb5fafffe20c0de", certificate="bsb002-second.pem"
)
# Before 1948086000 there was no v2; the certificate is from the time when bridges signed for themselves.
BSB002_OLD = attrs.evolve(
    BSB002,
    name="Philips hue",
    software_version="1935144040",
    api_version="1.35.0",
    certificate="self-signed.pem",
    has_v2=False,
)
BSB003 = BridgeModel(
    model_id="BSB003",
    name="Hue Bridge Pro",
    bridge_id="c42996fffe0d1e5e",
    software_version="1977063050",
    api_version="1.77.0",
    certificate="bsb003.pem",
    has_http=False,
)

MODELS: Mapping[str, BridgeModel] = {model.model_id: model for model in (BSB001, BSB002, BSB003)}
