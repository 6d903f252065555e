"""The types of settings: numbers with their limits, texts with their form, and settings without effect."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import attrs

SOURCE_BUDGET_S = 18
STORE_BUDGET_S = 8
LARGEST_LOG_FILE_BYTES = 10_000_000
LARGEST_LOG_FOLDER_BYTES = 60_000_000


class Rule:
    """Narrows the type of a setting. A call returns the value that counts, or raises ValueError."""

    def __call__(self, value: Any) -> Any:
        return value

    def warning(self, _value: Any) -> str | None:
        """Return how the value that counts differs from this one."""
        return None


@attrs.frozen(kw_only=True)
class Between(Rule):
    """Refuse a number outside this closed interval."""

    least: float = -math.inf
    most: float = math.inf

    def __call__(self, value: float) -> float:
        if self.least <= value <= self.most:
            return value
        least, most = _number_text(self.least), _number_text(self.most)
        limits = f"at least {least}" if self.most == math.inf else f"{least} to {most}"
        raise ValueError(f"{_number_text(value)} is out of range: {limits}")


@attrs.frozen(kw_only=True)
class CountsAs(Rule):
    """Replace a number outside this closed interval by its nearer end, and 0 by `zero`."""

    least: float = -math.inf
    most: float = math.inf
    zero: int | None = None
    because: str

    def __call__(self, value: float) -> float:
        if value == 0 and self.zero is not None:
            return self.zero
        return type(value)(min(max(value, self.least), self.most))

    def warning(self, value: float) -> str | None:
        counted = self(value)
        if counted == value:
            return None
        return f"{_number_text(value)} counts as {_number_text(counted)}: {self.because}"


@attrs.frozen
class NoEffect(Rule):
    """Check a setting of earlier versions, and ignore it. `usual` values are what happens in any case."""

    because: str
    usual: tuple[object, ...] = ()

    def warning(self, value: object) -> str | None:
        return None if value in self.usual else f"has no effect: {self.because}"


@attrs.frozen(kw_only=True)
class TextForm(Rule):
    """Accept texts that match a pattern, and give each its one spelling.

    `due` completes "must be ..."; `normalise` raises ValueError, KeyError or OSError.
    """

    due: str
    pattern: str
    normalise: Callable[[str], str]

    def __call__(self, value: str) -> str:
        try:
            if re.fullmatch(self.pattern, value):
                return self.normalise(value)
        except (ValueError, KeyError, OSError):
            pass
        raise ValueError(f"must be {self.due}")


def _number_text(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _address(text: str) -> str:
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if parts.port == 0:
        raise ValueError
    if re.fullmatch(r"[0-9.]+", parts.hostname or ""):
        ip_address(parts.hostname or "")
    return ("http://" if parts.scheme == "http" else "") + parts.netloc.lower()


def _hexadecimal(text: str) -> str:
    return re.sub("[: ]", "", text).lower()


_HOST = r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.%a-z]{2,60}\])(:[0-9]{1,5})?/?"
_ADDRESS = TextForm(
    due="an address: host, host:port, or http://host[:port] for a bridge without HTTPS",
    pattern=f"(https?://)?{_HOST}",
    normalise=_address,
)
# fmt: off
_AMAZON_SITES = frozenset({
    "ae", "ca", "cn", "co.jp", "co.uk", "co.za", "com", "com.au", "com.be", "com.br", "com.mx", "com.tr",
    "de", "eg", "es", "fr", "ie", "in", "it", "nl", "pl", "sa", "se", "sg",
})
# fmt: on


def _amazon_domain(text: str) -> str:
    domain = text[text.lower().index("amazon") :].rstrip("/").lower()
    if domain.removeprefix("amazon.") not in _AMAZON_SITES:
        raise ValueError
    return domain


AMAZON_DOMAIN = TextForm(  # no other domain may get the credentials
    due="a domain of Amazon's, such as amazon.com or amazon.co.uk",
    pattern=r"(https://)?(www\.|alexa\.)?[Aa][Mm][Aa][Zz][Oo][Nn]\.[A-Za-z]{2,3}(\.[A-Za-z]{2})?/?",
    normalise=_amazon_domain,
)
_BRIDGE_ID = TextForm(
    due="a bridge id: 16 hexadecimal digits", pattern="([0-9A-Fa-f][: ]?){16}", normalise=_hexadecimal
)
_CERTIFICATE = TextForm(
    due="a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons",
    pattern="([0-9A-Fa-f][: ]?){64}",
    normalise=_hexadecimal,
)
_HTTPS_URL = TextForm(
    due="a URL without a path: https://host or https://host:port",
    pattern=f"https://{_HOST}",
    normalise=lambda text: f"https://{_address(text)}",
)
_ZONE = TextForm(
    due="the name of a time zone, such as Europe/Berlin",
    pattern="[A-Za-z0-9_+/-]+",
    normalise=lambda text: ZoneInfo(text).key,
)

Address = Annotated[str, _ADDRESS]
AmazonDomain = Annotated[str, AMAZON_DOMAIN]
BridgeId = Annotated[str, _BRIDGE_ID]
CertificateSha256 = Annotated[str, _CERTIFICATE]
HttpsUrl = Annotated[str, _HTTPS_URL]
Zone = Annotated[str, _ZONE]

_SOURCE = f"a source has {SOURCE_BUDGET_S} s in a cycle"
_STORE = f"storing has {STORE_BUDGET_S} s in a cycle"
_NOT_NEGATIVE = Between(least=0)

Interval = Annotated[int, Between(least=1, most=86_400)]
Timeout = Annotated[float, Between(least=0.1), CountsAs(most=SOURCE_BUDGET_S, because=_SOURCE)]
Attempts = Annotated[
    int,
    _NOT_NEGATIVE,
    CountsAs(least=1, most=10, because="there is at least one attempt, and at most ten"),
]
FirstDelay = Annotated[float, _NOT_NEGATIVE, CountsAs(most=SOURCE_BUDGET_S, because=_SOURCE)]
Multiplier = Annotated[
    float,
    _NOT_NEGATIVE,
    CountsAs(least=1, most=10, because="a wait never shrinks, and grows tenfold at most"),
]
StoreDelay = Annotated[float, _NOT_NEGATIVE, CountsAs(most=STORE_BUDGET_S, because=_STORE)]
BackupBytes = Annotated[int, Between(least=1)]
BusyTimeout = Annotated[int, _NOT_NEGATIVE, CountsAs(most=STORE_BUDGET_S * 1000, because=_STORE)]
CheckpointPages = Annotated[
    int, _NOT_NEGATIVE, CountsAs(most=16_384, zero=1000, because="the WAL stays under 64 MB")
]
LogFileBytes = Annotated[
    int,
    _NOT_NEGATIVE,
    CountsAs(
        least=65_536,
        most=LARGEST_LOG_FILE_BYTES,
        zero=LARGEST_LOG_FILE_BYTES,
        because="a record takes up to 16 kB, and the log folder at most "
        f"{LARGEST_LOG_FOLDER_BYTES // 10**6} MB",
    ),
]
Count = Annotated[int, Between(least=1)]
NotNegative = Annotated[int, _NOT_NEGATIVE]
Seconds = Annotated[float, _NOT_NEGATIVE]
Port = Annotated[int, Between(least=1, most=65_535)]
Celsius = Annotated[float, Between(least=-100, most=100)]
Percent = Annotated[float, Between(least=0, most=100)]
Pooling = Annotated[bool, NoEffect("a process has one writing connection")]
WalMode = Annotated[bool, NoEffect("WAL is always tried")]
AllowOutOfRange = Annotated[
    bool, NoEffect("an implausible value is flagged as anomalous, never dropped", usual=(True,))
]
AbsentCollector = Annotated[bool, NoEffect("there is no such collector", usual=(False,))]
LogEncoding = Annotated[
    str, NoEffect("the log is always UTF-8", usual=("utf-8", "utf8", "utf_8", "UTF-8", "UTF8"))
]
