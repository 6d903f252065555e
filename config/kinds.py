"""The types of settings that several sections share: a number or a text, with its limits."""

from __future__ import annotations

from typing import Annotated

from config.forms import ADDRESS, AMAZON_DOMAIN, BRIDGE_ID, CERTIFICATE_SHA256, HTTPS_URL, ZONE
from config.markers import Between, CountsAs
from domain.values import frozen

SOURCE_BUDGET_S = 18
STORE_BUDGET_S = 8
_SOURCE = f"a source has {SOURCE_BUDGET_S} s in a cycle"
_ONCE_A_DAY = 86_400

Address = Annotated[str, ADDRESS]
AmazonDomain = Annotated[str, AMAZON_DOMAIN]
BridgeId = Annotated[str, BRIDGE_ID]
CertificateSha256 = Annotated[str, CERTIFICATE_SHA256]
HttpsUrl = Annotated[str, HTTPS_URL]
Zone = Annotated[str, ZONE]

Interval = Annotated[int, Between(least=1, most=_ONCE_A_DAY)]
Timeout = Annotated[float, Between(least=0.1), CountsAs(most=SOURCE_BUDGET_S, because=_SOURCE)]
Attempts = Annotated[
    int,
    Between(least=0),
    CountsAs(least=1, most=10, because="there is at least one attempt, and at most ten"),
]
FirstDelay = Annotated[float, Between(least=0), CountsAs(most=SOURCE_BUDGET_S, because=_SOURCE)]
Multiplier = Annotated[
    float,
    Between(least=0),
    CountsAs(least=1, most=10, because="a wait never shrinks, and grows tenfold at most"),
]
Celsius = Annotated[float, Between(least=-100, most=100)]
Percent = Annotated[float, Between(least=0, most=100)]


@frozen(kw_only=True)
class Backoff:
    """A retry policy's numbers: the n-th wait is `base_s * multiplier ** (n - 1)`."""

    attempts: int
    base_s: float
    multiplier: float = 2.0
