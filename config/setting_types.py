"""The types of settings: numbers with their limits, texts with their form, and settings without effect."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated, Any
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
        upper = "" if self.most == math.inf else f" to {number_text(self.most)}"
        limits = f"{number_text(self.least)}{upper}" if upper else f"at least {number_text(self.least)}"
        raise ValueError(f"{number_text(value)} is out of range: {limits}")


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
        return f"{number_text(value)} counts as {number_text(counted)}: {self.because}"


@attrs.frozen
class NoEffect(Rule):
    """Check a setting of earlier versions, and ignore it."""

    because: str

    def warning(self, _value: Any) -> str:
        return f"has no effect: {self.because}"


@attrs.frozen(kw_only=True)
class TextForm(Rule):
    """Accept texts of one form, and give each its one spelling.

    `due` completes "must be ..."; `normalise` raises ValueError; `pattern` is for the JSON Schema.
    """

    due: str
    normalise: Callable[[str], str]
    pattern: str | None = None

    def __call__(self, value: str) -> str:
        try:
            return self.normalise(value)
        except (ValueError, KeyError, OSError):
            raise ValueError(f"must be {self.due}") from None


def number_text(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


_HOST = r"(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.%a-z]{2,60}\])(:(?P<port>[0-9]{1,5}))?/?"
_HOST_PATTERN = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%a-z]+\])(:[0-9]{1,5})?/?$"


def _matched(pattern: str, text: str) -> re.Match[str]:
    match = re.fullmatch(pattern, text)
    if match is None or not 1 <= int(match.groupdict().get("port") or 1) <= 65_535:
        raise ValueError
    return match


def _hexadecimal(digits: int) -> Callable[[str], str]:
    return lambda text: _matched(rf"[0-9a-f]{{{digits}}}", re.sub("[: ]", "", text).lower())[0]


def _address(text: str) -> str:
    match = _matched(f"(?P<scheme>https?://)?{_HOST}", text)
    if re.fullmatch(r"[0-9.]+", match["host"]):
        ip_address(match["host"])
    scheme = "http://" if match["scheme"] == "http://" else ""
    port = f":{match['port']}" if match["port"] else ""
    return f"{scheme}{match['host'].lower()}{port}"


Address = Annotated[
    str,
    TextForm(
        due="an address: host, host:port, or http://host[:port] for a bridge without HTTPS",
        normalise=_address,
        pattern=f"^(https?://)?{_HOST_PATTERN}",
    ),
]
AMAZON_DOMAIN = TextForm(  # no other domain may get the credentials
    due="a domain of Amazon's, such as amazon.com or amazon.co.uk",
    normalise=lambda text: _matched(
        r"(https://)?(www\.|alexa\.)?(?P<domain>amazon\.[a-z]{2,3}(\.[a-z]{2})?)/?", text.lower()
    )["domain"],
    pattern=r"^(https://)?(www\.|alexa\.)?amazon\.[a-z]{2,3}(\.[a-z]{2})?/?$",
)
AmazonDomain = Annotated[str, AMAZON_DOMAIN]
BridgeId = Annotated[
    str,
    TextForm(
        due="a bridge id: 16 hexadecimal digits",
        normalise=_hexadecimal(16),
        pattern="^([0-9A-Fa-f][: ]?){16}$",
    ),
]
CertificateSha256 = Annotated[
    str,
    TextForm(
        due="a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons",
        normalise=_hexadecimal(64),
        pattern="^([0-9A-Fa-f][: ]?){64}$",
    ),
]
HttpsUrl = Annotated[
    str,
    TextForm(
        due="a URL without a path: https://host or https://host:port",
        normalise=lambda text: _matched(f"https://{_HOST}", text)[0].rstrip("/").lower(),
        pattern=f"^https://{_HOST_PATTERN}",
    ),
]
Zone = Annotated[
    str,
    TextForm(due="the name of a time zone, such as Europe/Berlin", normalise=lambda text: ZoneInfo(text).key),
]

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
        because="a record takes up to 16 kB, and the log folder at most 60 MB",
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


@attrs.frozen(kw_only=True)
class Backoff:
    """The numbers of a retry policy: the n-th wait is `base_s * multiplier ** (n - 1)`."""

    attempts: int
    base_s: float
    multiplier: float = 2.0
