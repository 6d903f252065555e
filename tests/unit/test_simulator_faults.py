"""Faults as texts, and when they are due."""

from __future__ import annotations

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator import alexa_effects, faults
from adapters.simulator.fault_text import parse_fault
from adapters.simulator.faults import Effect, Fault, Faults
from tests.support.builders import NOON


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("kind=delay seconds=2m", faults.Delay(120)),
        ("kind=reset", faults.Reset()),
        ("kind=dribble bytes=1 every=0.25s", faults.Dribble(1, 0.25)),
        ("kind=silence", faults.Silence()),
        ("kind=throttle", faults.Throttle()),
        ("kind=throttle retry_after=2", faults.Throttle(2)),
        ("kind=throttle retry_after_date=2", faults.Throttle(2, as_date=True)),
        ("kind=unavailable", faults.Unavailable()),
        ("kind=half", faults.HalfBody()),
        ("kind=html", faults.HtmlPage()),
        ("kind=garbled", faults.Garbled()),
        ("kind=error type=3", faults.ErrorList(3)),
        ("kind=revoked", faults.RevokedKey()),
        ("kind=redirect location=/x", faults.Redirect("/x")),
        ("kind=huge bytes=9", faults.HugeBody(9)),
        ("kind=null where=/sensors/5", faults.NullTemperatures("/sensors/5")),
        ("kind=missing", faults.MissingFields()),
        ("kind=missing fields=a,b where=c", faults.MissingFields(("a", "b"), "c")),
        ("kind=no-dates", faults.NoDates()),
        ("kind=overwrite field=enabled value=false", faults.Overwrite("enabled", value=False)),
        ("kind=certificate", faults.WrongCertificate("other")),
        ("kind=certificate which=expired", faults.WrongCertificate("expired")),
        ("kind=stale-token", alexa_effects.StaleToken()),
        ("kind=stale-token as=redirect", alexa_effects.StaleToken("redirect")),
        ("kind=refused-token", alexa_effects.RefusedToken()),
        (
            "kind=refused-token code=InvalidToken shape=error.code status=401",
            alexa_effects.RefusedToken("InvalidToken", "error.code", 401),
        ),
        ("kind=throttled-inside", alexa_effects.ThrottledInside()),
        ("kind=throttled-inside form=exception", alexa_effects.ThrottledInside("exception")),
        ("kind=forbidden", alexa_effects.Forbidden()),
        ("kind=missing-features names=range:6,x", alexa_effects.MissingFeatures(("range:6", "x"))),
        (
            "kind=failed-features names=range:6 type=T where=w",
            alexa_effects.FailedFeatures(("range:6",), "T", "w"),
        ),
        ("kind=stale-samples by=3h where=kitchen", alexa_effects.StaleSamples(10_800, "kitchen")),
        ("kind=skewed-clock by=-90", alexa_effects.SkewedClock(-90)),
        ("kind=gone where=kitchen", alexa_effects.MonitorGone("kitchen")),
        ("kind=unreachable since=30m", alexa_effects.MonitorUnreachable(1800)),
    ],
)
def test_each_kind_can_be_written(text: str, effect: Effect) -> None:
    assert parse_fault(text) == Fault(effect=effect)


def test_when_and_where_can_be_written() -> None:
    assert parse_fault("at=30s for=1m path='/clip/v2' kind=reset first=2 count=3") == Fault(
        effect=faults.Reset(), at_s=30, for_s=60, path="/clip/v2", first=2, count=3
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "none of delay, reset"),
        ("kind=nonsense", "none of delay, reset"),
        ("delay", "not one name=value"),
        ("kind=reset kind=half", "not one name=value"),
        ("kind=reset seconds=3", "knows no seconds"),
        ("kind=delay seconds=soon", "soon"),
        ("kind=overwrite value=1", "needs field="),
        ("kind=certificate which=mine", "none of other, self-signed, expired"),
        ("kind=stale-token as=x", "none of errors, 401, page, redirect"),
        ("kind=refused-token shape=x", "none of error, error.code"),
        ("kind=throttled-inside form=x", "none of errors, rate, exception"),
        ("kind=missing-features", "needs names="),
    ],
)
def test_what_cannot_be_read_is_said(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_fault(text)


def test_a_time_counts_from_the_start_of_the_home_and_none_from_now() -> None:
    clock = MemoryClock(NOON)
    due = Faults(clock.elapsed_s, parse_fault)
    clock.advance(10)
    due.add("at=15s for=10s kind=reset")
    due.add("for=2s kind=half")
    assert due.meeting("/") == [faults.HalfBody()]
    clock.advance(5)
    assert due.meeting("/") == [faults.Reset()]
    clock.advance(10)
    assert due.meeting("/") == []


def test_only_requests_that_fit_in_time_and_place_are_counted() -> None:
    clock = MemoryClock(NOON)
    due = Faults(clock.elapsed_s, parse_fault)
    due.add("at=5s path=/x count=1 kind=reset")
    assert [due.meeting("/x"), due.meeting("/y")] == [[], []]
    clock.advance(5)
    assert [due.meeting("/y"), due.meeting("/a/x"), due.meeting("/x")] == [[], [faults.Reset()], []]


def test_a_certificate_meets_handshakes_and_nothing_else() -> None:
    due = Faults(MemoryClock(NOON).elapsed_s, parse_fault)
    due.add("kind=certificate count=1")
    assert due.meeting("/") == []
    assert due.is_certificate_wrong
    assert due.meeting_handshake() == faults.WrongCertificate()
    assert due.meeting_handshake() is None
    assert not due.is_certificate_wrong


def test_cleared_faults_are_gone() -> None:
    due = Faults(MemoryClock(NOON).elapsed_s, parse_fault)
    due.add(faults.Reset())
    due.clear()
    assert due.meeting("/") == []


def test_what_concerns_alexa_alone_meets_and_counts_only_the_paths_that_it_means() -> None:
    due = Faults(MemoryClock(NOON).elapsed_s, parse_fault)
    due.add("kind=refused-token count=1")
    due.add("kind=stale-token path=/nexus first=2")
    assert due.meeting("/nexus/v1/graphql") == []
    assert due.meeting("/api/phoenix/state") == []
    assert due.meeting("/auth/register") == []
    assert due.meeting("/auth/token") == [alexa_effects.RefusedToken()]
    assert due.meeting("/ap/exchangetoken/cookies") == []
    assert due.meeting("/nexus/v1/graphql") == [alexa_effects.StaleToken()]
