"""Texts of faults, and when a fault affects a request."""

from __future__ import annotations

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator import faults
from adapters.simulator.active_faults import Faults
from adapters.simulator.faults import Effect, Fault, parse_fault
from tests.support.builders import NOON

_KINDS: dict[str, Effect] = {
    "delay seconds=2m": faults.Delay(120),
    "reset": faults.Reset(),
    "dribble bytes=1 every=0.25s": faults.Dribble(1, 0.25),
    "dribble head=true": faults.Dribble(head=True),
    "silence": faults.Silence(),
    "throttle": faults.Throttle(),
    "throttle retry_after=2": faults.Throttle(2),
    "throttle retry_after_date=2": faults.Throttle(2, as_date=True),
    "unavailable": faults.Unavailable(),
    "half": faults.HalfBody(),
    "html": faults.HtmlPage(),
    "garbled": faults.Garbled(),
    "answer": faults.OtherAnswer(),
    "answer status=200 body='[1, 2]' content=application/json": faults.OtherAnswer(
        200, "[1, 2]", "application/json"
    ),
    "error type=3": faults.ErrorList(3),
    "revoked": faults.RevokedKey(),
    "redirect location=/x": faults.Redirect("/x"),
    "huge bytes=9": faults.HugeBody(9),
    "null where=/sensors/5": faults.NullTemperatures("/sensors/5"),
    "missing": faults.MissingFields(),
    "missing fields=a,b where=c": faults.MissingFields(("a", "b"), "c"),
    "no-dates": faults.NoDates(),
    "left-behind since=2h celsius=14.5 where=/sensors/5": faults.LeftBehind(7200, 14.5, "/sensors/5"),
    "overwrite field=enabled value=false": faults.Overwrite("enabled", value=False),
    "certificate which=expired": faults.WrongCertificate("expired"),
    "stale-token as=redirect": faults.StaleToken("redirect"),
    "refused-token code=X shape=error.code status=401": faults.RefusedToken("X", "error.code", 401),
    "throttled-inside form=exception": faults.ThrottledInside("exception"),
    "forbidden": faults.Forbidden(),
    "missing-features names=range:6,x": faults.MissingFeatures(("range:6", "x")),
    "failed-features names=range:6 type=T where=w": faults.FailedFeatures(("range:6",), "T", "w"),
    "stale-samples by=3h where=kitchen": faults.StaleSamples(10_800, "kitchen"),
    "skewed-clock by=-90": faults.SkewedClock(-90),
    "gone where=kitchen": faults.MonitorGone("kitchen"),
    "unreachable since=30m": faults.MonitorUnreachable(1800),
    "person page=mfa as=redirect": faults.PersonPage("mfa", "redirect"),
    "text-numbers": faults.TextNumbers(),
    "listed-twice where=kitchen": faults.ListedTwice("kitchen"),
    "another-maker": faults.AnotherMaker(),
    "thermostat answers=false": faults.NestThermostat(answers=False),
}


@pytest.mark.parametrize(("text", "effect"), _KINDS.items())
def test_every_kind_of_fault_has_a_text(text: str, effect: Effect) -> None:
    assert parse_fault(f"kind={text}") == Fault(effect=effect)
    assert {type(each) for each in _KINDS.values()} == set(faults.KINDS.values())


def test_text_sets_time_path_and_count() -> None:
    assert parse_fault("at=30s for=1m path='/clip/v2' kind=reset first=2 count=3") == Fault(
        effect=faults.Reset(), at_s=30, for_s=60, path="/clip/v2", first=2, count=3
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "unknown kind=; use one of delay, reset"),
        ("kind=nonsense", "unknown kind=nonsense; use one of delay"),
        ("delay", "not one name=value"),
        ("kind=reset kind=half", "not one name=value"),
        ("kind=reset seconds=3", "has no option seconds"),
        ("kind=delay seconds=soon", "soon"),
        ("kind=overwrite value=1", "needs field="),
        ("kind=certificate which=mine", "use one of other, self-signed, expired"),
        ("kind=stale-token as=x", "use one of errors, 401, page, redirect"),
        ("kind=missing-features", "needs names="),
    ],
)
def test_invalid_text_is_rejected_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_fault(text)


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(NOON)


def effects_on(active: Faults, path: str) -> list[Effect]:
    return [fault.effect for fault in active.for_request(path)]


@pytest.fixture
def active(clock: MemoryClock) -> Faults:
    return Faults(clock.elapsed_s)


def test_at_counts_from_the_start_of_the_home(active: Faults, clock: MemoryClock) -> None:
    clock.advance(10)
    active.add("at=15s for=10s kind=reset")
    active.add("for=2s kind=half")
    seen = []
    for pause_s in (5, 10, 0):
        seen.append(effects_on(active, "/"))
        clock.advance(pause_s)
    assert seen == [[faults.HalfBody()], [faults.Reset()], []]


def test_only_matching_requests_in_time_are_counted(active: Faults, clock: MemoryClock) -> None:
    active.add("at=5s path=/x count=1 kind=reset")
    assert [effects_on(active, "/x"), effects_on(active, "/y")] == [[], []]
    clock.advance(5)
    assert [effects_on(active, path) for path in ("/y", "/a/x", "/x")] == [[], [faults.Reset()], []]


def test_path_may_be_a_pattern(active: Faults) -> None:
    active.add("kind=reset path=/api/*/sensors")
    assert [bool(effects_on(active, path)) for path in ("/api/key/sensors", "/api/key/lights")] == [
        True,
        False,
    ]


def test_certificate_affects_only_handshakes(active: Faults) -> None:
    active.add("kind=certificate count=1")
    assert effects_on(active, "/") == []
    assert active.is_certificate_wrong
    assert active.for_handshake() == faults.WrongCertificate()
    assert active.for_handshake() is None
    assert not active.is_certificate_wrong


def test_cleared_faults_are_gone(active: Faults) -> None:
    active.add(faults.Reset())
    active.clear()
    assert effects_on(active, "/") == []


def test_alexa_effects_concern_only_their_paths(active: Faults) -> None:
    active.add("kind=refused-token count=1")
    active.add("kind=stale-token path=/nexus first=2")
    paths = ("/nexus/v1/graphql", "/api/phoenix/state", "/auth/register", "/auth/token", "/auth/token")
    assert [effects_on(active, path) for path in paths] == [[], [], [], [faults.RefusedToken()], []]
    assert effects_on(active, "/nexus/v1/graphql") == [faults.StaleToken()]
