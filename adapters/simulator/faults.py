"""Faults of the simulated services: what goes wrong, when, and for which requests.

`where` names one thing by its id, unique id, serial number, name or room; empty means all of them.
"""

from __future__ import annotations

import fnmatch
import json
import shlex
import types
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, TypeVar, dataclass_transform, get_args, get_origin, get_type_hints

import attrs

_DATA_PATHS = ("/nexus/*", "/api/*")
_TOKEN_PATHS = ("/auth/token", "/ap/exchangetoken*")

# Options of a fault's text that do not have the name of their field (without the unit `_s`).
_OPTIONS = {"chunk_bytes": "bytes", "padding_bytes": "bytes", "answered": "as"}

T = TypeVar("T", bound="Effect")


class Effect:
    """What goes wrong. It concerns only its `paths`, and counts only requests to them."""

    paths: ClassVar[Sequence[str]]


KINDS: dict[str, type[Effect]] = {}


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
def _effect(kind: str, paths: Sequence[str] = ("*",)) -> Callable[[type[T]], type[T]]:
    """Make an effect, and name its kind in the texts of faults."""

    def decorate(target: type[T]) -> type[T]:
        made = attrs.frozen(target)
        made.paths = paths
        KINDS[kind] = made
        return made

    return decorate


@_effect("delay")
class Delay(Effect):
    """Send the reply late."""

    seconds: float = 5.0


@_effect("reset")
class Reset(Effect):
    """Reset the connection (RST) instead of replying."""


@_effect("dribble")
class Dribble(Effect):
    """Send the reply a few bytes at a time; with `head` its head already, else only its body."""

    chunk_bytes: int = 8
    every_s: float = 0.5
    head: bool = False


@_effect("silence")
class Silence(Effect):
    """Read the request and never answer it."""


@_effect("throttle")
class Throttle(Effect):
    """Answer 429. Retry-After, if any, is a number of seconds, or the date after so many seconds."""

    retry_after: float | None = None
    as_date: bool = False


@_effect("unavailable")
class Unavailable(Effect):
    """Answer 503 with an HTML page."""


@_effect("half")
class HalfBody(Effect):
    """Close the connection in the middle of the body that Content-Length announced."""


@_effect("html")
class HtmlPage(Effect):
    """Answer 200 with an HTML page."""


@_effect("garbled")
class Garbled(Effect):
    """Answer 200 with JSON that is cut off; Content-Length is correct."""


@_effect("answer")
class OtherAnswer(Effect):
    """Answer with another status and text."""

    status: int = 404
    body: str = ""
    content: str = "text/html"


@_effect("error")
class ErrorList(Effect):
    """Answer 200 with an error of the application."""

    type: int = 901


@_effect("revoked")
class RevokedKey(Effect):
    """Refuse every application key or token."""


@_effect("redirect")
class Redirect(Effect):
    """Redirect, by default to a port where nothing listens, or for Alexa to the shop."""

    location: str = ""


@_effect("huge")
class HugeBody(Effect):
    """Append blanks to the reply: valid JSON, and far too much of it."""

    padding_bytes: int = 20_000_000


@_effect("null")
class NullTemperatures(Effect):
    """Set temperatures to null."""

    where: str = ""


@_effect("missing")
class MissingFields(Effect):
    """Leave out the named fields."""

    fields: tuple[str, ...] = ("battery", "reachable", "lastupdated", "temperature_report")
    where: str = ""


@_effect("no-dates")
class NoDates(Effect):
    """Replace every date of a change with the word "none", or with null."""


@_effect("left-behind")
class LeftBehind(Effect):
    """List a bridge's sensors twice: again with a value and time of so long ago, still as reachable."""

    since_s: float = 7_776_000.0
    celsius: float = 15.0
    where: str = ""


@_effect("overwrite")
class Overwrite(Effect):
    """Give a field this value, unless it holds other fields."""

    field: str
    value: bool | float | str | None
    where: str = ""


@_effect("certificate")
class WrongCertificate(Effect):
    """Show another certificate in the TLS handshake."""

    which: Literal["other", "self-signed", "expired"] = "other"


@_effect("stale-token", _DATA_PATHS)
class StaleToken(Effect):
    """Treat every token and session as expired."""

    answered: Literal["errors", "401", "page", "redirect"] = "errors"


@_effect("refused-token", _TOKEN_PATHS)
class RefusedToken(Effect):
    """Refuse the refresh token. `shape` is where the reply holds the code, or what it is instead of JSON."""

    code: str = "invalid_grant"
    shape: Literal["error", "error.code", "response.error.code", "html", "empty"] = "error"
    status: int = 400


@_effect("throttled-inside", _DATA_PATHS)
class ThrottledInside(Effect):
    """Throttle without 429: status 200 with errors, 400 "Rate exceeded", a ThrottlingException.

    `client` is what unofficial clients were sent: status 200, no data, and a code that forbids a retry.
    """

    form: Literal["errors", "rate", "exception", "client"] = "errors"


@_effect("forbidden", _DATA_PATHS)
class Forbidden(Effect):
    """Answer 403 to every token."""


@_effect("missing-features", _DATA_PATHS)
class MissingFeatures(Effect):
    """Leave out features, named `temperatureSensor`, or `range:6` with their instance."""

    names: tuple[str, ...]
    where: str = ""


@_effect("failed-features", _DATA_PATHS)
class FailedFeatures(Effect):
    """Replace the values of features with an error. The second interface keeps what is NOT_FOUND."""

    names: tuple[str, ...]
    type: str = "INTERNAL_ERROR"
    where: str = ""


@_effect("stale-samples", _DATA_PATHS)
class StaleSamples(Effect):
    """Serve the samples of so long ago, with their own times."""

    by_s: float = 21_600.0
    where: str = ""


@_effect("skewed-clock", _DATA_PATHS)
class SkewedClock(Effect):
    """Move the times of samples ahead, or back if below 0; the values stay current."""

    by_s: float = 3_600.0
    where: str = ""


@_effect("person")
class PersonPage(Effect):
    """Answer with a page that needs a person, or redirect to it."""

    page: Literal["captcha", "code", "mfa", "signin"] = "captcha"
    answered: Literal["page", "redirect"] = "page"


@_effect("text-numbers", _DATA_PATHS)
class TextNumbers(Effect):
    """Write the numbers of the second interface as text."""

    where: str = ""


@_effect("listed-twice", _DATA_PATHS)
class ListedTwice(Effect):
    """List the monitor twice, the second time without values."""

    where: str = ""


@_effect("another-maker", _DATA_PATHS)
class AnotherMaker(Effect):
    """List another maker's monitor too, whose ranges mean other things."""


@_effect("thermostat", _DATA_PATHS)
class NestThermostat(Effect):
    """List a Nest thermostat too; without `answers` the service does not find its state."""

    answers: bool = True


@_effect("gone", _DATA_PATHS)
class MonitorGone(Effect):
    """Remove the monitor from every reply."""

    where: str = ""


@_effect("unreachable", _DATA_PATHS)
class MonitorUnreachable(Effect):
    """Report the monitor as unreachable for so long, with its last samples and their times."""

    since_s: float = 7_200.0
    where: str = ""


@attrs.frozen(kw_only=True)
class Fault:
    """An effect, and the requests that it affects.

    `at_s` counts from the start of the home (default: from when the fault is added), `for_s` is its
    duration, both in the clock's `elapsed_s`. `path` is part of the path, or a pattern with asterisks. Of
    the requests that match, it affects those from number `first` on, at most `count`.
    """

    effect: Effect
    at_s: float | None = None
    for_s: float | None = None
    path: str = ""
    first: int = 1
    count: int | None = None

    def matches(self, path: str) -> bool:
        """Return whether the fault concerns this path."""
        if not any(fnmatch.fnmatchcase(path, pattern) for pattern in self.effect.paths):
            return False
        return fnmatch.fnmatchcase(path, self.path) if "*" in self.path else self.path in path


def parse_fault(text: str) -> Fault:
    """Parse a fault such as `at=30s for=60s path=/clip/v2 kind=throttle retry_after=2`.

    Raise ValueError with a message for a person.
    """
    options: dict[str, str] = {}
    for word in shlex.split(text):
        name, equals, value = word.partition("=")
        if not equals or name in options:
            raise ValueError(f"{word!r} is not one name=value")
        options[name] = value
    kind = options.pop("kind", "")
    if kind not in KINDS:
        raise ValueError(f"unknown kind={kind}; use one of {', '.join(KINDS)}")
    if kind == "throttle" and "retry_after_date" in options:
        options.setdefault("retry_after", options.pop("retry_after_date"))
        options["as_date"] = "true"
    effect = _parse_options(KINDS[kind], options, f"kind={kind} needs")
    fault: Fault = _parse_options(Fault, options, "", effect=effect)
    if options:
        raise ValueError(f"kind={kind} has no option {', '.join(options)}")
    return fault


def _parse_options(target: type[Any], options: dict[str, str], needs: str, **values: Any) -> Any:
    """Take from `options` those that belong to the class, and make an instance of it."""
    hints = get_type_hints(target)
    for field in attrs.fields(target):
        name = _OPTIONS.get(field.name, field.name.removesuffix("_s"))
        if field.name in values:
            continue
        if name in options:
            values[field.name] = _parse_value(name, options.pop(name), hints[field.name])
        elif field.default is attrs.NOTHING:
            raise ValueError(f"{needs} {name}=")
    return target(**values)


def _parse_value(name: str, text: str, hint: Any) -> object:
    """Convert the text of an option to the type of its field."""
    if get_origin(hint) is Literal:
        if text not in get_args(hint):
            raise ValueError(f"unknown {name}={text}; use one of {', '.join(get_args(hint))}")
        return text
    if get_origin(hint) is tuple:
        return tuple(text.split(","))
    if isinstance(hint, types.UnionType):
        numbers = [part for part in get_args(hint) if part is not types.NoneType]
        return _parse_value(name, text, numbers[0]) if len(numbers) == 1 else json.loads(text)
    if hint is float:
        return _parse_seconds(text)
    return json.loads(text) if hint is bool else hint(text)


def _parse_seconds(text: str) -> float:
    """Parse `30`, `30s`, `2m` or `6h`."""
    for unit, seconds in (("m", 60), ("h", 3600)):
        if text.endswith(unit):
            return seconds * float(text[:-1])
    return float(text.removesuffix("s"))
