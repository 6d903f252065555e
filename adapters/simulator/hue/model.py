"""Models of bridges that the simulated home can have."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen(kw_only=True)
class BridgeModel:
    """A bridge and its abilities.

    `certificate` is the name of a file in the certificates folder; None means no HTTPS. Without `has_http`
    every plain request is redirected.
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
        """Return the bridge id without the four digits in its middle."""
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
# v2 came with 1948086000; older bridges sign their own certificates.
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
