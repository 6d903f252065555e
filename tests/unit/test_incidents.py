"""Incidents: opened once, repeated at most daily, closed once."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.incidents import (
    Dismissed,
    Incident,
    Incidents,
    Notice,
    Observation,
    Opened,
    Patience,
    Recovered,
    Repeated,
    Topic,
    dismiss_gone,
    observe_cycle,
    observe_home,
    update_incidents,
)
from domain.alerts.messages import message_of, remedy_of
from domain.cycle import Cause, NotStored, Outcome, Spooled, Stored
from domain.times import local_time
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_deferred,
    a_due,
    a_failed,
    a_reading,
    an_unread,
)

MINUTE = timedelta(minutes=1)


def a_look(is_bad: bool = True, topic: Topic = Topic.SPOOL_IN_USE, subject: str = "database") -> Observation:
    return Observation(topic=topic, subject=subject, is_bad=is_bad, detail="the disk is full")


def observe_all(
    *looks: tuple[timedelta, Observation], patience: Patience | None = None
) -> list[list[Notice]]:
    """Return the notices after each observation."""
    incidents: Incidents = {}
    history: list[list[Notice]] = []
    for after, one in looks:
        incidents, notices = update_incidents(incidents, [one], NOON + after, patience or Patience())
        history.append(list(notices))
    return history


def bad_keys(*outcomes: Outcome) -> set[tuple[Topic, str]]:
    return {
        (one.topic, one.subject) for one in observe_cycle(Stored(report=a_cycle(*outcomes))) if one.is_bad
    }


def good_keys(*outcomes: Outcome) -> set[tuple[Topic, str]]:
    signs = observe_cycle(Stored(report=a_cycle(*outcomes)))
    always = {Topic.SPOOL_IN_USE, Topic.CLOCK_STEPPED}
    return {(one.topic, one.subject) for one in signs if not one.is_bad and one.topic not in always}


def test_without_incidents_only_bad_devices_are_observed() -> None:
    readings = [a_reading(device_id=f"hue:{charge}", battery_percent=charge) for charge in (5, 90)]
    readings.append(a_reading(device_id="hue:same", observed_at=NOON - timedelta(days=3)))
    cycle = Stored(report=a_cycle(a_collected(*readings, unread=[an_unread("hue:silent")])))
    devices = {Topic.DEVICE_SILENT, Topic.BATTERY_LOW, Topic.VALUE_UNCHANGED}
    every = {one.subject for one in observe_cycle(cycle) if one.topic in devices}
    bad = {one.subject for one in observe_cycle(cycle, has_incidents=False) if one.topic in devices}
    bad_devices = {"hue:5", "hue:same", "hue:silent"}
    assert (every, bad) == ({"hue:90", *bad_devices}, bad_devices)


def test_incident_is_opened_once_and_closed_once() -> None:
    history = observe_all(
        (0 * MINUTE, a_look()),
        (5 * MINUTE, a_look()),
        (10 * MINUTE, a_look(is_bad=False)),
        (15 * MINUTE, a_look(is_bad=False)),
    )
    assert [[type(notice) for notice in notices] for notices in history] == [
        [Opened],
        [],
        [Recovered],
        [],
    ]
    (recovered,) = history[2]
    assert isinstance(recovered, Recovered)
    assert recovered.length == 10 * MINUTE


@pytest.mark.parametrize("topic", [Topic.DEVICE_SILENT, Topic.SPOOL_IN_USE])
def test_lasting_incident_does_not_change(topic: Topic) -> None:
    """Then nothing is written each cycle while a sensor is silent."""
    incidents: Incidents = {}
    changes = []
    for number in range(2 * 288):
        before = incidents
        incidents, _ = update_incidents(
            incidents, [a_look(topic=topic)], NOON + 5 * MINUTE * number, Patience()
        )
        changes += [number] if incidents != before else []
    needed = Patience().needed(topic)
    assert changes == [*range(needed), needed - 1 + 288]


def test_lasting_incident_is_repeated_daily() -> None:
    looks = [(5 * MINUTE * number, a_look()) for number in range(3 * 288)]
    history = [
        (number, type(notice)) for number, notices in enumerate(observe_all(*looks)) for notice in notices
    ]
    assert history == [(0, Opened), (288, Repeated), (576, Repeated)]


@pytest.mark.parametrize(
    ("topic", "needed"), [(Topic.SOURCE_SILENT, 3), (Topic.DEVICE_SILENT, 12), (Topic.CREDENTIALS, 1)]
)
def test_silence_needs_several_cycles_in_a_row(topic: Topic, needed: int) -> None:
    bad, good = a_look(topic=topic), a_look(topic=topic, is_bad=False)
    assert observe_all(*[(MINUTE, bad)] * (needed - 1), (MINUTE, good), *[(MINUTE, bad)] * (needed - 1)) == [
        []
    ] * (2 * needed - 1)
    history = observe_all(*[(MINUTE, bad)] * needed)
    assert [bool(notices) for notices in history] == [False] * (needed - 1) + [True]


def test_future_notice_time_does_not_silence_an_incident() -> None:
    history = observe_all(
        (timedelta(days=400), a_look()),
        (0 * MINUTE, a_look()),
        (timedelta(days=1), a_look()),
    )
    assert [len(notices) for notices in history] == [1, 0, 1]


def test_incident_without_an_observation_stays() -> None:
    incidents, _ = update_incidents({}, [a_look()], NOON, Patience())
    after, history = update_incidents(incidents, [a_look(topic=Topic.DISK_LOW)], NOON, Patience())
    assert after.items() >= incidents.items()
    assert len(history) == 1


@given(st.lists(st.tuples(st.integers(min_value=-100_000, max_value=100_000), st.booleans()), max_size=60))
def test_no_incident_opens_twice_in_a_row(
    looks: list[tuple[int, bool]],
) -> None:
    history = observe_all(*((timedelta(seconds=at), a_look(is_bad=is_bad)) for at, is_bad in looks))
    kinds = [type(notice) for notices in history for notice in notices]
    is_open = False
    for kind in kinds:
        assert (kind is Opened) != is_open
        is_open = kind is not Recovered


@pytest.mark.parametrize(
    ("outcome", "bad"),
    [
        (a_failed(cause=Cause.NETWORK), {(Topic.SOURCE_SILENT, "hue")}),
        (a_failed(cause=Cause.CREDENTIALS, needs_person=True), {(Topic.CREDENTIALS, "hue")}),
        (a_failed(cause=Cause.CREDENTIALS), {(Topic.SOURCE_SILENT, "hue")}),
        (a_deferred(cause=Cause.THROTTLED), {(Topic.SOURCE_SILENT, "hue")}),
        (a_deferred(cause=Cause.CREDENTIALS), set()),
        (a_collected(a_reading("hue:1", battery_percent=10)), {(Topic.BATTERY_LOW, "hue:1")}),
        (a_collected(a_reading("hue:1", battery_percent=11)), set()),
        (a_collected(a_reading("hue:1"), unread=(an_unread("hue:2"),)), {(Topic.DEVICE_SILENT, "hue:2")}),
    ],
)
def test_cycle_is_observed_by_source_and_device(outcome: Outcome, bad: set[tuple[Topic, str]]) -> None:
    assert bad_keys(outcome) == bad


@pytest.mark.parametrize(
    ("age", "is_bad"),
    [
        (timedelta(minutes=5), [False]),
        (timedelta(hours=48), [False]),
        (timedelta(hours=48, seconds=1), [True]),
        (timedelta(days=400), [True]),
        (timedelta(days=-400), [False]),
        (None, []),
    ],
)
def test_value_is_unchanged_after_48_hours(age: timedelta | None, is_bad: list[bool]) -> None:
    reading = a_reading("hue:1", observed_at=None if age is None else NOON - age)
    observed = list(observe_cycle(Stored(report=a_cycle(a_collected(reading)))))
    unchanged = [one for one in observed if one.topic is Topic.VALUE_UNCHANGED]
    assert [one.is_bad for one in unchanged] == is_bad
    assert not [one for one in observed if one.is_bad and one.topic is not Topic.VALUE_UNCHANGED]


def test_unchanged_value_opens_one_incident_and_a_new_value_ends_it() -> None:
    incidents: Incidents = {}
    history = []
    for minutes, observed_at in ((0, NOON - timedelta(days=3)), (5, NOON - timedelta(days=3)), (10, NOON)):
        now = NOON + minutes * MINUTE
        reading = a_reading("hue:1", location="Cellar", collected_at=now, observed_at=observed_at)
        observations = observe_cycle(Stored(report=a_cycle(a_collected(reading))))
        incidents, notices = update_incidents(incidents, observations, now, Patience())
        history.append([(type(notice), notice.incident.detail) for notice in notices])
    detail = f"Cellar: unchanged since {local_time(NOON - timedelta(days=3))}"
    assert history == [[(Opened, detail)], [], [(Recovered, detail)]]


def test_deferred_and_borderline_states_are_not_observed() -> None:
    assert good_keys(a_deferred(cause=Cause.CREDENTIALS)) == set()
    assert good_keys(a_failed(cause=Cause.NETWORK)) == set()
    between = good_keys(a_collected(a_reading("hue:1", battery_percent=15)))
    assert (Topic.BATTERY_LOW, "hue:1") not in between
    assert good_keys(a_collected(a_reading("hue:1", battery_percent=20))) == {
        (Topic.CREDENTIALS, "hue"),
        (Topic.SOURCE_SILENT, "hue"),
        (Topic.DEVICE_SILENT, "hue:1"),
        (Topic.BATTERY_LOW, "hue:1"),
    }


@pytest.mark.parametrize(
    ("free_mb", "expected"), [(0, [True]), (199, [True]), (200, []), (300, []), (400, []), (401, [False])]
)
def test_disk_at_the_limit_is_reported_once(free_mb: int, expected: list[bool]) -> None:
    assert [one.is_bad for one in observe_home(free_mb * 1_000_000, None)] == expected


@pytest.mark.parametrize(
    ("wal_bytes", "expected"),
    [
        (0, [False]),
        (8 * 1024 * 1024, [False]),
        (8 * 1024 * 1024 + 1, []),
        (64 * 1024 * 1024, []),
        (64 * 1024 * 1024 + 1, [True]),
    ],
)
def test_wal_limits_are_64_and_8_mib(wal_bytes: int, expected: list[bool]) -> None:
    assert [one.is_bad for one in observe_home(None, wal_bytes)] == expected


def test_unstored_cycle_and_clock_fault_are_observed() -> None:
    for cycle in (
        Spooled(report=a_cycle(), reason="the disk is full", place="data/spool"),
        NotStored(report=a_cycle(), reason="the disk is full"),
    ):
        assert Topic.SPOOL_IN_USE in {one.topic for one in observe_cycle(cycle) if one.is_bad}
    (stepped,) = [one for one in observe_cycle(Stored(report=a_cycle()), ["hue"]) if one.is_bad]
    assert (stepped.topic, stepped.detail) == (Topic.CLOCK_STEPPED, "hue")


def an_incident(topic: Topic, subject: str = "amazon", since: datetime = NOON) -> Incident:
    return Incident(topic=topic, subject=subject, since=since, notified_at=since, detail="seen")


@pytest.mark.parametrize("topic", Topic)
def test_every_topic_has_a_remedy(topic: Topic) -> None:
    message = message_of(Opened(incident=an_incident(topic)), home="/home/me/climate")
    assert message.subject
    assert "{" not in message.subject + message.text
    assert f"Since {local_time(NOON)}" in message.text
    assert "/home/me/climate" in message.text
    assert remedy_of(an_incident(topic)) in message.text


@pytest.mark.parametrize("topic", Topic)
def test_foreign_text_in_a_message_controls_no_terminal_and_adds_no_line(topic: Topic) -> None:
    incident = an_incident(topic)
    nasty = attrs.evolve(incident, subject="hue:\x1b[2J\r\n1", detail="a\x1b]0;x\x07\nAll is well\u202e")
    recovered = Recovered(incident=nasty, length=timedelta(hours=5), detail="b\x1b[2J\n\n")
    for notice in (Opened(incident=nasty), recovered):
        message = message_of(notice, home="here")
        assert "All is well" not in message.text.splitlines()
        assert all(line.isprintable() for line in (message.subject, *message.text.split("\n")))


def test_remedy_for_credentials_is_the_exact_command() -> None:
    assert "`homeclimate setup --reauth amazon`" in remedy_of(an_incident(Topic.CREDENTIALS))


def test_recovery_message_has_the_length() -> None:
    notice = Recovered(incident=an_incident(Topic.SOURCE_SILENT, "hue"), length=timedelta(hours=5))
    message = message_of(notice, home="here")
    assert message.subject == "recovered: no readings from hue"
    assert "after 5 h" in message.text


def test_dismissal_message_says_no_longer_expected() -> None:
    notice = Dismissed(incident=an_incident(Topic.DEVICE_SILENT, "hue:1"), length=timedelta(hours=30))
    message = message_of(notice, home="here")
    assert message.subject == "no longer expected: no readings from the device hue:1"
    assert "after 30 h" in message.text


def test_cycles_by_hand_only_end_silences() -> None:
    unscheduled_cycle = a_due(scheduled=False)
    assert bad_keys(a_failed(unscheduled_cycle)) == set()
    assert (
        bad_keys(a_collected(a_reading("hue:1"), due=unscheduled_cycle, unread=(an_unread("hue:2"),)))
        == set()
    )
    assert bad_keys(a_failed(unscheduled_cycle, Cause.CREDENTIALS, needs_person=True)) == {
        (Topic.CREDENTIALS, "hue")
    }
    assert (Topic.SOURCE_SILENT, "hue") in good_keys(a_collected(due=unscheduled_cycle))


def test_a_device_whose_reading_was_stored_already_is_neither_silent_nor_gone() -> None:
    outcome = a_collected(a_reading("hue:1"), a_reading("hue:2")).as_stored((a_reading("hue:1"),))
    assert (Topic.DEVICE_SILENT, "hue:2") in good_keys(outcome)
    silent = Incident(topic=Topic.DEVICE_SILENT, subject="hue:2", since=NOON, notified_at=NOON, source="hue")
    left, _ = dismiss_gone({"one": silent}, Stored(report=a_cycle(outcome)), {"hue"}, NOON)
    assert left == {"one": silent}
