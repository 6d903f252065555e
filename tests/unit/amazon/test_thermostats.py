"""Nest thermostats: which are found, what is read of them, and what a failure costs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, cast

import attrs
import pytest

from adapters.amazon.alexa import Alexa
from adapters.amazon.thermostats import Thermostats, ThermostatSettings
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from domain.cycle import Cause, SourceReply
from domain.errors import SourceError, SourceRefused, SourceUnavailable
from domain.reading import DeviceKind, Quantity, ThermostatMode
from tests.support.builders import NOON

NEST = {
    "applianceId": "SKILL_nest",
    "applianceTypes": ["THERMOSTAT"],
    "friendlyName": "Hallway",
    "manufacturerName": "Google Nest",
}
HEALTH = {"namespace": "Alexa.EndpointHealth", "name": "connectivity", "value": "UNREACHABLE"}
OLDER = (NOON - timedelta(hours=25)).isoformat()


@attrs.define
class FakeAlexa:
    """Answers with these appliances and states, or raises them."""

    appliances: list[Any] | SourceError = attrs.field(factory=lambda: [NEST])
    states: list[dict[str, Any]] | SourceError = attrs.field(factory=list)
    credential: str = "c"
    account: str = "a"
    asked: list[str] = attrs.field(factory=list)

    async def makers(self, _: float) -> Any:
        self.asked.append("makers")
        if isinstance(self.appliances, SourceError):
            raise self.appliances
        return {"data": {"endpoints": {"items": [{"legacyAppliance": one} for one in self.appliances]}}}

    async def appliance_states(self, ids: Iterable[str], _: float) -> Any:
        self.asked += ids
        if isinstance(self.states, SourceError):
            raise self.states
        texts = [json.dumps(one) for one in self.states]
        return {"deviceStates": [{"entity": {"entityId": "SKILL_nest"}, "capabilityStates": texts}]}


def temperature(value: object = 70.25, scale: str = "FAHRENHEIT", **changes: object) -> dict[str, Any]:
    return {
        "namespace": "Alexa.TemperatureSensor",
        "name": "temperature",
        "value": {"value": value, "scale": scale},
        **changes,
    }


def mode(word: str) -> dict[str, Any]:
    return {"namespace": "Alexa.ThermostatController", "name": "thermostatMode", "value": word}


def thermostats(alexa: FakeAlexa, state: MemoryState | None, at: datetime, **settings: Any) -> Thermostats:
    return Thermostats(
        alexa=cast("Alexa", alexa),
        settings=ThermostatSettings(**settings),
        state=state or MemoryState(),
        clock=MemoryClock(at),
        journal=MemoryJournal(),
    )


async def read(
    alexa: FakeAlexa, state: MemoryState | None = None, at: datetime = NOON, **settings: Any
) -> SourceReply:
    return await thermostats(alexa, state, at, **settings).read(at, 10.0)


async def test_a_thermostat_is_stored_as_the_earlier_program_did() -> None:
    (reading,) = (await read(FakeAlexa(states=[temperature(), mode("HEAT")]))).readings
    assert (reading.device_id, reading.kind) == ("nest:SKILL_nest", DeviceKind.NEST_THERMOSTAT)
    assert (reading.location, dict(reading.values)) == ("Hallway", {Quantity.TEMPERATURE: 21.25})
    assert (reading.collected_at, reading.thermostat_mode) == (NOON, ThermostatMode.HEATING)


@pytest.mark.parametrize(
    ("word", "stored"),
    [("cool", ThermostatMode.COOLING), ("OFF", ThermostatMode.OFF), ("AUTO", None), ("ECO", None)],
)
async def test_only_modes_that_the_table_knows_are_stored(word: str, stored: ThermostatMode | None) -> None:
    (reading,) = (await read(FakeAlexa(states=[temperature(), mode(word)]))).readings
    assert reading.thermostat_mode is stored


@pytest.mark.parametrize(
    ("settings", "location"),
    [
        ({"locations": {"NEST:skill_nest": "Flur"}, "earlier": {"nest:skill_nest": "Hall"}}, "Flur"),
        ({"earlier": {"nest:skill_nest": "Hall"}}, "Hall"),
    ],
)
async def test_location_of_the_home_comes_first(settings: dict[str, Any], location: str) -> None:
    (reading,) = (await read(FakeAlexa(states=[temperature()]), **settings)).readings
    assert reading.location == location


@pytest.mark.parametrize(
    "changes",
    [
        {"manufacturerName": "Another maker"},
        {"manufacturerName": None},
        {"applianceTypes": ["CAMERA"]},
        {"applianceTypes": None},
        {"applianceId": ""},
    ],
)
async def test_only_nest_thermostats_are_read(changes: dict[str, Any]) -> None:
    alexa = FakeAlexa(appliances=[NEST | changes, None, 5])
    assert await read(alexa) == SourceReply(readings=())
    assert alexa.asked == ["makers"]


@pytest.mark.parametrize(
    ("states", "cause"),
    [
        ([], Cause.NO_VALUE),
        ([mode("HEAT")], Cause.NO_VALUE),
        ([temperature("warm")], Cause.NO_VALUE),
        ([temperature(timeOfSample=OLDER)], Cause.STALE),
        (
            [
                temperature(),
                {"namespace": "Alexa.EndpointHealth", "name": "connectivity", "value": "UNREACHABLE"},
            ],
            Cause.UNREACHABLE,
        ),
        (SourceUnavailable("no reply"), Cause.NO_VALUE),
        (SourceRefused("403"), Cause.NO_VALUE),
    ],
)
async def test_a_known_thermostat_without_a_reading_is_named(states: Any, cause: Cause) -> None:
    reply = await read(FakeAlexa(states=states))
    assert reply.readings == ()
    assert [(one.device_id, one.cause) for one in reply.unread] == [("nest:SKILL_nest", cause)]
    assert reply.unread[0].detail.startswith("Hallway")


async def test_a_refused_read_is_tried_again_after_an_hour() -> None:
    state, alexa = MemoryState(), FakeAlexa(states=SourceRefused("403"))
    await read(alexa, state)
    alexa.states = [temperature()]
    (unread,) = (await read(alexa, state)).unread
    assert (unread.cause, "once an hour" in unread.detail) == (Cause.NO_VALUE, True)
    assert alexa.asked == ["makers", "SKILL_nest"]
    assert len((await read(alexa, state, at=NOON + timedelta(hours=1))).readings) == 1


async def test_a_read_without_a_reply_is_tried_again_at_once() -> None:
    state, alexa = MemoryState(), FakeAlexa(states=SourceUnavailable("no reply"))
    await read(alexa, state)
    alexa.states = [temperature()]
    assert len((await read(alexa, state)).readings) == 1


async def test_thermostats_are_looked_for_once_a_day_and_remembered() -> None:
    state, alexa = MemoryState(), FakeAlexa(states=[temperature()])
    await read(alexa, state)
    alexa.appliances = SourceUnavailable("no reply")
    assert len((await read(alexa, state)).readings) == 1
    assert alexa.asked.count("makers") == 1
    alexa.credential = "another account's"
    assert await read(alexa, state) == SourceReply(readings=())
    assert alexa.asked.count("makers") == 2
