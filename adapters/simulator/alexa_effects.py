"""What can be made to go wrong in the simulated Alexa service alone.

`where` names one monitor by its serial, name, room or any of its ids; empty means all. `paths` are the paths
that an effect means: it leaves all others alone, and does not count them.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from domain.values import frozen

_DATA = ("/nexus/*", "/api/*")
_TOKENS = ("/auth/token", "/ap/exchangetoken*")


@frozen
class StaleToken:
    """What the client shows counts as run out, whatever it is. `answered` is how the service says so."""

    paths: ClassVar = _DATA
    answered: Literal["errors", "401", "page", "redirect"] = "errors"


@frozen
class RefusedToken:
    """The refresh token is refused. `shape` is where the code stands, or what comes instead of JSON."""

    paths: ClassVar = _TOKENS
    code: str = "invalid_grant"
    shape: Literal["error", "error.code", "response.error.code", "html", "empty"] = "error"
    status: int = 400


@frozen
class ThrottledInside:
    """Throttled without 429: status 200 with errors, 400 "Rate exceeded", or a ThrottlingException."""

    paths: ClassVar = _DATA
    form: Literal["errors", "rate", "exception"] = "errors"


@frozen
class Forbidden:
    """403, which here has nothing to do with who asks."""

    paths: ClassVar = _DATA


@frozen
class MissingFeatures:
    """Features are left out: by name (`temperatureSensor`), or name and instance (`range:6`)."""

    paths: ClassVar = _DATA
    names: tuple[str, ...]
    where: str = ""


@frozen
class FailedFeatures:
    """Features come with an error in the place of their value."""

    paths: ClassVar = _DATA
    names: tuple[str, ...]
    type: str = "INTERNAL_ERROR"
    where: str = ""


@frozen
class StaleSamples:
    """The last samples are served that a monitor had so long ago, with their own times."""

    paths: ClassVar = _DATA
    by_s: float = 21_600.0
    where: str = ""


@frozen
class SkewedClock:
    """The clock of a monitor is ahead: new values, with times that are yet to come (or behind: below 0)."""

    paths: ClassVar = _DATA
    by_s: float = 3_600.0
    where: str = ""


@frozen
class MonitorGone:
    """The monitor is in no reply any more, as when its owner removes it."""

    paths: ClassVar = _DATA
    where: str = ""


@frozen
class MonitorUnreachable:
    """The service has not reached the monitor for so long; its last samples stay, with their times."""

    paths: ClassVar = _DATA
    since_s: float = 7_200.0
    where: str = ""


AlexaEffect = (
    StaleToken
    | RefusedToken
    | ThrottledInside
    | Forbidden
    | MissingFeatures
    | FailedFeatures
    | StaleSamples
    | SkewedClock
    | MonitorGone
    | MonitorUnreachable
)
