"""Reads a fault from the short text that the command line takes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping

from adapters.simulator import alexa_effects, faults
from adapters.simulator.faults import Effect, Fault

_Fields = dict[str, str]


def parse_fault(text: str) -> Fault:
    """A fault from `at=30s for=60s path=/clip/v2 kind=throttle retry_after=2`.

    Raises `ValueError` with a message for a person.
    """
    fields: _Fields = {}
    for word in shlex.split(text):
        name, equals, value = word.partition("=")
        if not equals or name in fields:
            raise ValueError(f"{word!r} is not one name=value")
        fields[name] = value
    kind = fields.pop("kind", "")
    if kind not in _KINDS:
        raise ValueError(f"kind={kind} is none of {', '.join(_KINDS)}")
    try:
        effect = _KINDS[kind](fields)
    except KeyError as error:
        raise ValueError(f"kind={kind} needs {error.args[0]}=") from error
    fault = Fault(
        effect=effect,
        at_s=_seconds(fields.pop("at")) if "at" in fields else None,
        for_s=_seconds(fields.pop("for")) if "for" in fields else None,
        path=fields.pop("path", ""),
        first=int(fields.pop("first", "1")),
        count=int(fields.pop("count")) if "count" in fields else None,
    )
    if fields:
        raise ValueError(f"kind={kind} knows no {', '.join(fields)}")
    return fault


def _throttle(fields: _Fields) -> Effect:
    seconds = _seconds(fields.pop("retry_after")) if "retry_after" in fields else None
    if seconds is None and "retry_after_date" in fields:
        return faults.Throttle(_seconds(fields.pop("retry_after_date")), as_date=True)
    return faults.Throttle(seconds)


def _missing(fields: _Fields) -> Effect:
    where = fields.pop("where", "")
    if "fields" not in fields:
        return faults.MissingFields(where=where)
    return faults.MissingFields(tuple(fields.pop("fields").split(",")), where)


def _certificate(fields: _Fields) -> Effect:
    match fields.pop("which", "other"):
        case "other" | "self-signed" | "expired" as which:
            return faults.WrongCertificate(which)
        case which:
            raise ValueError(f"which={which} is none of other, self-signed, expired")


def _stale_token(fields: _Fields) -> Effect:
    match fields.pop("as", "errors"):
        case "errors" | "401" | "page" | "redirect" as answered:
            return alexa_effects.StaleToken(answered)
        case answered:
            raise ValueError(f"as={answered} is none of errors, 401, page, redirect")


def _refused_token(fields: _Fields) -> Effect:
    code = fields.pop("code", "invalid_grant")
    status = int(fields.pop("status", "400"))
    match fields.pop("shape", "error"):
        case "error" | "error.code" | "response.error.code" | "html" | "empty" as shape:
            return alexa_effects.RefusedToken(code, shape, status)
        case shape:
            raise ValueError(f"shape={shape} is none of error, error.code, response.error.code, html, empty")


def _throttled_inside(fields: _Fields) -> Effect:
    match fields.pop("form", "errors"):
        case "errors" | "rate" | "exception" as form:
            return alexa_effects.ThrottledInside(form)
        case form:
            raise ValueError(f"form={form} is none of errors, rate, exception")


def _seconds(text: str) -> float:
    """Seconds from `30`, `30s`, `2m` or `6h`."""
    for unit, seconds in (("m", 60), ("h", 3600)):
        if text.endswith(unit):
            return seconds * float(text[:-1])
    return float(text.removesuffix("s"))


_KINDS: Mapping[str, Callable[[_Fields], Effect]] = {
    "delay": lambda fields: faults.Delay(_seconds(fields.pop("seconds", "5"))),
    "reset": lambda _: faults.Reset(),
    "dribble": lambda fields: faults.Dribble(
        int(fields.pop("bytes", "8")), _seconds(fields.pop("every", "0.5"))
    ),
    "silence": lambda _: faults.Silence(),
    "throttle": _throttle,
    "unavailable": lambda _: faults.Unavailable(),
    "half": lambda _: faults.HalfBody(),
    "html": lambda _: faults.HtmlPage(),
    "garbled": lambda _: faults.Garbled(),
    "error": lambda fields: faults.ErrorList(int(fields.pop("type", "901"))),
    "revoked": lambda _: faults.RevokedKey(),
    "redirect": lambda fields: faults.Redirect(fields.pop("location", faults.Redirect().location)),
    "huge": lambda fields: faults.HugeBody(int(fields.pop("bytes", "20000000"))),
    "null": lambda fields: faults.NullTemperatures(fields.pop("where", "")),
    "missing": _missing,
    "no-dates": lambda _: faults.NoDates(),
    "overwrite": lambda fields: faults.Overwrite(
        fields.pop("field"), json.loads(fields.pop("value")), fields.pop("where", "")
    ),
    "certificate": _certificate,
    "stale-token": _stale_token,
    "refused-token": _refused_token,
    "throttled-inside": _throttled_inside,
    "forbidden": lambda _: alexa_effects.Forbidden(),
    "missing-features": lambda fields: alexa_effects.MissingFeatures(
        tuple(fields.pop("names").split(",")), fields.pop("where", "")
    ),
    "failed-features": lambda fields: alexa_effects.FailedFeatures(
        tuple(fields.pop("names").split(",")), fields.pop("type", "INTERNAL_ERROR"), fields.pop("where", "")
    ),
    "stale-samples": lambda fields: alexa_effects.StaleSamples(
        _seconds(fields.pop("by", "6h")), fields.pop("where", "")
    ),
    "skewed-clock": lambda fields: alexa_effects.SkewedClock(
        _seconds(fields.pop("by", "1h")), fields.pop("where", "")
    ),
    "gone": lambda fields: alexa_effects.MonitorGone(fields.pop("where", "")),
    "unreachable": lambda fields: alexa_effects.MonitorUnreachable(
        _seconds(fields.pop("since", "2h")), fields.pop("where", "")
    ),
}
