"""Signing in by a code that is typed elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from adapters.amazon.linking import AmazonLinking
from adapters.memory.spool import MemoryState
from domain.errors import SourceError, SourceThrottled, SourceUnavailable
from ports.setup import CodePair, Linked, Pending, Refused
from ports.state import State
from tests.support.alexa_stand_in import CODE_PAIR, DEREGISTER, REGISTER, StandIn, an_answer
from tests.support.amazon_bench import AmazonBench

PAIR = {
    "public_code": "ABC123",
    "private_code": "8f0e-private",
    "expires_in": 600,
    "polling_interval_in_seconds": 3,
}
BEARER = {"access_token": "Atna|linked", "refresh_token": "Atnr|linked", "expires_in": "3600"}
SUCCESS = {"response": {"success": {"tokens": {"bearer": BEARER}}}}


def a_linking(stand_in: StandIn, bench: AmazonBench, state: State | None = None) -> AmazonLinking:
    return AmazonLinking(
        session=bench.session, hosts=stand_in.hosts, state=state or MemoryState(), clock=bench.clock
    )


async def begun(linking: AmazonLinking, stand_in: StandIn, content: Any = PAIR) -> CodePair:
    stand_in.script(CODE_PAIR, an_answer(content))
    return await linking.begin()


async def test_a_code_comes_with_the_page_where_it_is_typed(stand_in: StandIn, bench: AmazonBench) -> None:
    pair = await begun(a_linking(stand_in, bench), stand_in)
    assert (pair.public_code, pair.page) == ("ABC123", f"{stand_in.url}/code")
    assert (pair.expires_in_s, pair.interval_s) == (600, 3)
    assert "8f0e-private" not in repr(pair)
    device = stand_in.bodies[-1]["code_data"]
    assert {"device_serial", "device_type", "app_name", "domain"} <= set(device)


async def test_a_code_without_times_gets_patient_ones(stand_in: StandIn, bench: AmazonBench) -> None:
    pair = await begun(
        a_linking(stand_in, bench), stand_in, {"public_code": "A", "private_code": "B", "expires_in": "soon"}
    )
    assert (pair.expires_in_s, pair.interval_s) == (600, 5)


@pytest.mark.parametrize(
    ("written", "expires_in_s", "interval_s"),
    [
        ("-5", 60, 1),
        ("0", 60, 1),
        ("1e300", 3600, 60),
        ("1e999", 600, 5),
        ("-Infinity", 600, 5),
        ("NaN", 600, 5),
        ("9" * 5000, 600, 5),
        ("null", 600, 5),
    ],
)
async def test_times_that_make_no_sense_for_a_person_are_bounded(
    stand_in: StandIn, bench: AmazonBench, written: str, expires_in_s: float, interval_s: float
) -> None:
    body = f"""{{"public_code": "A", "private_code": "B", "expires_in": {written},
        "polling_interval_in_seconds": {written}}}"""
    stand_in.script(CODE_PAIR, web.Response(text=body, content_type="application/json"))
    pair = await a_linking(stand_in, bench).begin()
    assert (pair.expires_in_s, pair.interval_s) == (expires_in_s, interval_s)


@pytest.mark.parametrize("name", ["public_code", "private_code"])
async def test_a_code_that_is_too_long_to_be_one_is_none(
    stand_in: StandIn, bench: AmazonBench, name: str
) -> None:
    with pytest.raises(SourceUnavailable, match="no clear answer"):
        await begun(a_linking(stand_in, bench), stand_in, {**PAIR, name: "A" * 9000})


@pytest.mark.parametrize("name", ["refresh_token", "access_token"])
async def test_a_token_that_is_too_long_to_be_one_is_none(
    stand_in: StandIn, bench: AmazonBench, name: str
) -> None:
    linking = a_linking(stand_in, bench)
    pair = await begun(linking, stand_in)
    bearer = {**BEARER, name: "A" * 9000}
    stand_in.script(REGISTER, an_answer({"response": {"success": {"tokens": {"bearer": bearer}}}}))
    with pytest.raises(SourceUnavailable, match="no clear answer"):
        await linking.poll(pair)


async def test_waiting_ends_with_the_tokens(stand_in: StandIn, bench: AmazonBench) -> None:
    linking = a_linking(stand_in, bench)
    pair = await begun(linking, stand_in)
    stand_in.script(
        REGISTER,
        an_answer({"error": "authorization_pending"}, 400),
        an_answer({"error": {"code": "AuthorizationPending"}}, 400),
        an_answer({"response": {"error": {"code": "slow_down"}}}, 400),
        an_answer(SUCCESS),
    )
    assert [await linking.poll(pair) for _ in range(3)] == [Pending()] * 3
    linked = await linking.poll(pair)
    assert linked == Linked(refresh_token="Atnr|linked", access_token="Atna|linked")
    assert "linked" not in repr(linked).replace("Linked", "")
    assert stand_in.bodies[-1]["auth_data"] == {
        "code_pair": {"public_code": "ABC123", "private_code": "8f0e-private"}
    }


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        ("expired_token", 400, "not typed in time"),
        ("invalid_code_pair", 400, "does not know the code"),
        ("access_denied", 403, "declined"),
    ],
)
async def test_a_sign_in_may_come_to_nothing(
    stand_in: StandIn, bench: AmazonBench, code: str, status: int, words: str
) -> None:
    linking = a_linking(stand_in, bench)
    pair = await begun(linking, stand_in)
    stand_in.script(REGISTER, an_answer({"error": code}, status))
    ended = await linking.poll(pair)
    assert isinstance(ended, Refused)
    assert words in ended.reason


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (b"<html>", 400, SourceUnavailable),
        ({"error": "something_new"}, 400, SourceUnavailable),
        ({"response": {"success": {}}}, 200, SourceUnavailable),
        (b"", 503, SourceUnavailable),
        ({"message": "Rate exceeded"}, 400, SourceThrottled),
        (b"", 429, SourceThrottled),
    ],
)
async def test_an_unclear_answer_ends_nothing(
    stand_in: StandIn, bench: AmazonBench, content: Any, status: int, error: type[SourceError]
) -> None:
    linking = a_linking(stand_in, bench)
    pair = await begun(linking, stand_in)
    stand_in.script(REGISTER, an_answer(content, status), an_answer(SUCCESS))
    with pytest.raises(error):
        await linking.poll(pair)
    assert isinstance(await linking.poll(pair), Linked)


async def test_a_code_that_does_not_come_is_an_error(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.script(CODE_PAIR, an_answer({"error": "something_new"}, 400))
    with pytest.raises(SourceUnavailable, match="something_new"):
        await a_linking(stand_in, bench).begin()


async def test_the_program_is_the_same_device_for_ever(stand_in: StandIn, bench: AmazonBench) -> None:
    state = MemoryState()
    for _ in range(2):
        await begun(a_linking(stand_in, bench, state), stand_in)
    serials = {body["code_data"]["device_serial"] for body in stand_in.bodies}
    assert len(serials) == 1
    await begun(a_linking(stand_in, bench), stand_in)
    assert stand_in.bodies[-1]["code_data"]["device_serial"] not in serials


async def test_signing_out_takes_the_device_off_the_account(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.script(DEREGISTER, an_answer({"response": {"success": {}}}))
    await a_linking(stand_in, bench).deregister("Atna|mine")
    assert stand_in.headers[-1]["Authorization"] == "Bearer Atna|mine"
    stand_in.script(DEREGISTER, an_answer({"error": "InvalidToken"}, 401))
    with pytest.raises(SourceUnavailable, match="InvalidToken"):
        await a_linking(stand_in, bench).deregister("Atna|mine")
