"""Signing in by a code that is typed elsewhere, and out again."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from adapters.amazon.http import AsksForPerson
from adapters.amazon.linking import AmazonLinking
from adapters.memory.state import MemoryState
from domain.errors import SourceError, SourceThrottled, SourceUnavailable
from ports.setup import CodePair, Linked, Pending, Refused
from tests.support.alexa_stand_in import CODE_PAIR, DEREGISTER, REGISTER, StandIn, an_answer
from tests.support.amazon_bench import AmazonBench

CODES = {
    "public_code": "ABC123",
    "private_code": "8f0e-private",
    "expires_in": 600,
    "polling_interval_in_seconds": 3,
}
BEARER = {"access_token": "Atna|linked", "refresh_token": "Atnr|linked", "expires_in": "3600"}
PAIR = CodePair(public_code="ABC123", private_code="8f0e-private", page="", expires_in_s=600, interval_s=3)


def success(**changes: str) -> dict[str, Any]:
    return {"response": {"success": {"tokens": {"bearer": BEARER | changes}}}}


@pytest.fixture
def linking(stand_in: StandIn, bench: AmazonBench) -> AmazonLinking:
    return AmazonLinking(session=bench.session, hosts=stand_in.hosts, state=bench.state, clock=bench.clock)


async def test_a_code_comes_with_the_page_where_it_is_typed(
    stand_in: StandIn, linking: AmazonLinking
) -> None:
    stand_in.script(CODE_PAIR, an_answer(CODES))
    pair = await linking.begin()
    assert (pair.public_code, pair.page) == ("ABC123", f"{stand_in.url}/code")
    assert (pair.expires_in_s, pair.interval_s) == (600, 3)
    assert "8f0e-private" not in repr(pair)
    assert {"device_serial", "device_type", "app_name", "domain"} <= set(stand_in.bodies[-1]["code_data"])


@pytest.mark.parametrize(
    ("written", "expires_in_s", "interval_s"),
    [
        ("-5", 60, 1),
        ("0", 60, 1),
        ("1e300", 3600, 60),
        ("1e999", 600, 5),
        ("NaN", 600, 5),
        ("9" * 5000, 600, 5),
        ("null", 600, 5),
        ('"soon"', 600, 5),
    ],
)
async def test_times_are_bounded_to_what_makes_sense_for_a_person(
    stand_in: StandIn, linking: AmazonLinking, written: str, expires_in_s: float, interval_s: float
) -> None:
    body = f"""{{"public_code": "A", "private_code": "B", "expires_in": {written},
        "polling_interval_in_seconds": {written}}}"""
    stand_in.script(CODE_PAIR, web.Response(text=body, content_type="application/json"))
    pair = await linking.begin()
    assert (pair.expires_in_s, pair.interval_s) == (expires_in_s, interval_s)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CODES | {"public_code": "A" * 9000}, "no clear answer"),
        (CODES | {"private_code": "A" * 9000}, "no clear answer"),
        ({"error": "something_new"}, "something_new"),
    ],
)
async def test_a_reply_without_a_code_is_an_error(
    stand_in: StandIn, linking: AmazonLinking, content: Any, words: str
) -> None:
    stand_in.script(CODE_PAIR, an_answer(content, 400))
    with pytest.raises(SourceUnavailable, match=words):
        await linking.begin()


async def test_a_page_for_a_person_is_named(stand_in: StandIn, linking: AmazonLinking) -> None:
    stand_in.script(CODE_PAIR, an_answer(b'<form action="/errors/validateCaptcha">'))
    with pytest.raises(AsksForPerson, match="Amazon asks for a person: it wants a captcha"):
        await linking.begin()


async def test_waiting_ends_with_the_tokens(stand_in: StandIn, linking: AmazonLinking) -> None:
    stand_in.script(
        REGISTER,
        an_answer({"error": "authorization_pending"}, 400),
        an_answer({"error": {"code": "AuthorizationPending"}}, 400),
        an_answer({"response": {"error": {"code": "slow_down"}}}, 400),
        an_answer(success()),
    )
    assert [await linking.poll(PAIR) for _ in range(3)] == [Pending()] * 3
    linked = await linking.poll(PAIR)
    assert linked == Linked(refresh_token="Atnr|linked", access_token="Atna|linked")
    assert "Atn" not in repr(linked)
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
async def test_a_sign_in_may_end_without_tokens(
    stand_in: StandIn, linking: AmazonLinking, code: str, status: int, words: str
) -> None:
    stand_in.script(REGISTER, an_answer({"error": code}, status))
    ended = await linking.poll(PAIR)
    assert isinstance(ended, Refused)
    assert words in ended.reason


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (b"<html>", 400, SourceUnavailable),
        ({"error": "something_new"}, 400, SourceUnavailable),
        ({"response": {"success": {}}}, 200, SourceUnavailable),
        (success(refresh_token="A" * 9000), 200, SourceUnavailable),
        (success(access_token="A" * 9000), 200, SourceUnavailable),
        (b"", 503, SourceUnavailable),
        ({"message": "Rate exceeded"}, 400, SourceThrottled),
        (b"", 429, SourceThrottled),
    ],
)
async def test_an_unclear_reply_does_not_end_the_waiting(
    stand_in: StandIn, linking: AmazonLinking, content: Any, status: int, error: type[SourceError]
) -> None:
    stand_in.script(REGISTER, an_answer(content, status), an_answer(success()))
    with pytest.raises(error):
        await linking.poll(PAIR)
    assert isinstance(await linking.poll(PAIR), Linked)


async def test_a_home_is_always_the_same_device(stand_in: StandIn, bench: AmazonBench) -> None:
    homes = [MemoryState(), MemoryState()]
    for state in (homes[0], homes[0], homes[1]):
        stand_in.script(CODE_PAIR, an_answer(CODES))
        account = AmazonLinking(session=bench.session, hosts=stand_in.hosts, state=state, clock=bench.clock)
        await account.begin()
    first, again, other = (body["code_data"]["device_serial"] for body in stand_in.bodies)
    assert first == again != other


async def test_signing_out_removes_the_device(stand_in: StandIn, linking: AmazonLinking) -> None:
    stand_in.script(
        DEREGISTER, an_answer({"response": {"success": {}}}), an_answer({"error": "InvalidToken"}, 401)
    )
    await linking.deregister("Atna|mine")
    assert stand_in.headers[-1]["Authorization"] == "Bearer Atna|mine"
    with pytest.raises(SourceUnavailable, match="InvalidToken"):
        await linking.deregister("Atna|mine")
