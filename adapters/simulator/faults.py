"""What can be made to go wrong in the simulated home, and when."""

from __future__ import annotations

import fnmatch
import threading
from collections.abc import Callable, Sequence
from typing import Literal

import attrs

from adapters.simulator.alexa_effects import AlexaEffect
from domain.values import frozen


@frozen
class Delay:
    """The reply comes late."""

    seconds: float = 5.0


@frozen
class Reset:
    """The connection is torn down (RST) instead of a reply."""


@frozen
class Dribble:
    """The reply comes a few bytes at a time."""

    chunk_bytes: int = 8
    every_s: float = 0.5


@frozen
class Silence:
    """The request is taken and never answered."""


@frozen
class Throttle:
    """429, as an HTML page. Retry-After, if any, is in seconds, or the date after so many of them."""

    retry_after: float | None = None
    as_date: bool = False


@frozen
class Unavailable:
    """503, as an HTML page."""


@frozen
class HalfBody:
    """The reply breaks off in the middle of what Content-Length promised."""


@frozen
class HtmlPage:
    """An HTML page with status 200."""


@frozen
class Garbled:
    """Status 200 and JSON's content type, but the end of the JSON is missing: Content-Length is true."""


@frozen
class ErrorList:
    """The application's own error, with status 200."""

    type: int = 901


@frozen
class RevokedKey:
    """Every application key is refused."""


@frozen
class Redirect:
    """301 to another place."""

    location: str = "https://127.0.0.1:1/"


@frozen
class HugeBody:
    """The reply is followed by blanks: valid JSON, and far too much of it."""

    padding_bytes: int = 20_000_000


@frozen
class NullTemperatures:
    """Temperatures are null: all, or those of the thing that has `where` as its id, uniqueid or name."""

    where: str = ""


@frozen
class MissingFields:
    """The named fields are left out, everywhere or in one thing."""

    names: tuple[str, ...] = ("battery", "reachable", "lastupdated", "temperature_report")
    where: str = ""


@frozen
class NoDates:
    """Every date at which something changed is the word "none"."""


@frozen
class Overwrite:
    """A field that holds no other fields has this value instead, everywhere or in one thing."""

    name: str
    value: bool | float | str | None
    where: str = ""


@frozen
class WrongCertificate:
    """The TLS handshake is made with another certificate."""

    kind: Literal["other", "self-signed", "expired"] = "other"


Effect = (
    Delay
    | Reset
    | Dribble
    | Silence
    | Throttle
    | Unavailable
    | HalfBody
    | HtmlPage
    | Garbled
    | ErrorList
    | RevokedKey
    | Redirect
    | HugeBody
    | NullTemperatures
    | MissingFields
    | NoDates
    | Overwrite
    | WrongCertificate
    | AlexaEffect
)


@frozen(kw_only=True)
class Fault:
    """An effect, and which requests it meets.

    `at_s` counts from the start of the home (default: from when the fault is added), `for_s` is how long it
    lasts. `path` is a part of the path, or a pattern with asterisks. Of the requests that fit, those from
    number `first` on are met, at most `count`. Time is the clock's `elapsed_s`.
    """

    effect: Effect
    at_s: float | None = None
    for_s: float | None = None
    path: str = ""
    first: int = 1
    count: int | None = None

    def fits(self, path: str) -> bool:
        """Whether the fault concerns this path."""
        if isinstance(self.effect, AlexaEffect) and not _is_any(path, self.effect.paths):
            return False
        return fnmatch.fnmatchcase(path, self.path) if "*" in self.path else self.path in path


@attrs.define
class _Entry:
    fault: Fault
    begins_s: float
    seen: int = 0


class Faults:
    """The faults of one service. May be changed from any thread while the service runs."""

    def __init__(self, elapsed_s: Callable[[], float], parse: Callable[[str], Fault]) -> None:
        self._elapsed_s = elapsed_s
        self._parse = parse
        self._began_s = elapsed_s()
        self._lock = threading.Lock()
        self._entries: list[_Entry] = []

    def add(self, fault: Fault | Effect | str) -> Fault:
        """From now on, or from when it says, this goes wrong. A text is read as on the command line."""
        if isinstance(fault, str):
            fault = self._parse(fault)
        elif not isinstance(fault, Fault):
            fault = Fault(effect=fault)
        begins_s = self._elapsed_s() if fault.at_s is None else self._began_s + fault.at_s
        with self._lock:
            self._entries.append(_Entry(fault, begins_s))
        return fault

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._entries.clear()

    def meeting(self, path: str) -> list[Effect]:
        """What happens to this request. Counts it."""
        return self._due(lambda fault: not isinstance(fault.effect, WrongCertificate) and fault.fits(path))

    def meeting_handshake(self) -> WrongCertificate | None:
        """What happens to this TLS handshake. Counts it."""
        due = self._due(lambda fault: isinstance(fault.effect, WrongCertificate))
        return next((effect for effect in due if isinstance(effect, WrongCertificate)), None)

    @property
    def is_certificate_wrong(self) -> bool:
        """Whether a handshake would go wrong now. Counts nothing."""
        now_s = self._elapsed_s()
        return any(
            isinstance(entry.fault.effect, WrongCertificate)
            and _is_running(entry, now_s)
            and _has_rest(entry)
            for entry in list(self._entries)
        )

    def _due(self, fits: Callable[[Fault], bool]) -> list[Effect]:
        if not self._entries:
            return []
        now_s = self._elapsed_s()
        with self._lock:
            return [
                entry.fault.effect
                for entry in self._entries
                if fits(entry.fault) and _is_running(entry, now_s) and _counts(entry)
            ]


def _is_any(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def _is_running(entry: _Entry, now_s: float) -> bool:
    for_s = entry.fault.for_s
    return now_s >= entry.begins_s and (for_s is None or now_s < entry.begins_s + for_s)


def _counts(entry: _Entry) -> bool:
    is_met = _has_rest(entry)
    entry.seen += 1
    return is_met


def _has_rest(entry: _Entry) -> bool:
    """Whether the next request that fits is met."""
    skipped = entry.seen + 1 - entry.fault.first
    return skipped >= 0 and (entry.fault.count is None or skipped < entry.fault.count)
