"""How requests are let in: tokens, their renewal and their refusal; cookies; and what a person is told."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from adapters.amazon.authorisation import authoriser_of, credential_mark
from adapters.amazon.tokens import AccessTokens, TokenEndpoint
from adapters.memory.spool import MemoryState
from domain.errors import (
    CredentialsRefused,
    CredentialsStale,
    SourceError,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from tests.support.alexa_stand_in import (
    COOKIES,
    EXCHANGE,
    GRAPHQL,
    LANGUAGE,
    REFRESH_TOKEN,
    TOKEN,
    Device,
    StandIn,
    an_answer,
    unauthenticated,
)
from tests.support.amazon_bench import AmazonBench, an_amazon_bench, in_front_of

SIGN_IN_PAGE = b'<form action="https://www.amazon.com/ap/signin">'


async def fails(bench: AmazonBench) -> SourceError:
    """What a read raises."""
    with pytest.raises(SourceError) as raised:
        await bench.read()
    assert REFRESH_TOKEN not in str(raised.value) + repr(raised.value)
    return raised.value


async def test_a_token_is_asked_for_as_the_app_does(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    (form,) = stand_in.forms
    assert form["source_token"] == REFRESH_TOKEN
    assert (form["source_token_type"], form["requested_token_type"]) == ("refresh_token", "access_token")
    assert {"app_name", "app_version", "di.os.name"} <= set(form)


async def test_a_token_serves_for_55_minutes(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    bench.wall.advance(54 * 60)
    stand_in.devices[0].sampled_at = "2026-03-01T12:54:00Z"
    await bench.read()
    assert stand_in.count(TOKEN) == 1
    bench.wall.advance(2 * 60)
    await bench.read()
    assert stand_in.count(TOKEN) == 2


async def test_a_token_of_another_sign_in_is_not_used(stand_in: StandIn) -> None:
    first = an_amazon_bench(stand_in.hosts)
    await first.read()
    await first.source.close()
    stand_in.refresh_token = "Atnr|another-refresh-token-of-the-tests"
    second = an_amazon_bench(stand_in.hosts, refresh_token=stand_in.refresh_token, state=first.state)
    await second.read()
    assert stand_in.count(TOKEN) == 2
    await second.source.close()


@pytest.mark.parametrize(
    "kept", [{"value": "a b\r\nX: y"}, {"since": "2026-03-01T13:00:00+00:00"}, {"until": 7}, {"of": None}]
)
async def test_a_kept_token_that_cannot_be_right_is_not_used(
    stand_in: StandIn, bench: AmazonBench, kept: dict[str, str]
) -> None:
    await bench.read()
    bench.state.put("amazon.access_token", {**bench.state.get("amazon.access_token"), **kept})
    async with in_front_of(stand_in.hosts, state=bench.state) as second:
        await second.read()
    assert stand_in.count(TOKEN) == 2


@pytest.mark.parametrize(
    "stale",
    [
        unauthenticated,
        lambda: an_answer(b"", 401),
        lambda: an_answer(b"", 302, Location="https://www.amazon.com/ap/signin?openid=1"),
        lambda: an_answer(SIGN_IN_PAGE),
    ],
    ids=["error inside 200", "401", "redirect", "page"],
)
async def test_a_transient_auth_error_is_mended_by_one_renewal_and_one_repetition(
    stand_in: StandIn, bench: AmazonBench, stale: object
) -> None:
    await bench.read()
    bench.wall.advance(300)
    stand_in.asked.clear()
    stand_in.script(GRAPHQL, stale())  # type: ignore[operator]
    assert len((await bench.read()).readings) == 1
    assert stand_in.asked == [GRAPHQL, TOKEN, GRAPHQL]


async def test_a_renewed_token_is_the_one_that_is_kept(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    bench.wall.advance(300)
    stand_in.forget_tokens()
    await bench.read()
    stand_in.asked.clear()
    await bench.read()
    assert stand_in.asked == [GRAPHQL]


async def test_where_no_token_is_let_in_cookies_made_from_it_are(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.takes_bearer = False
    assert len((await bench.read()).readings) == 1
    assert stand_in.count(TOKEN) == 1  # a fresh one is not refused for its age
    assert stand_in.headers[-1]["csrf"] == COOKIES["csrf"]
    stand_in.asked.clear()
    assert len((await bench.read()).readings) == 1
    assert stand_in.asked == [GRAPHQL]  # remembered
    assert stand_in.forms[-1]["domain"] == ".amazon.test"


async def test_cookies_may_come_by_name_and_without_any_that_are_good_for_nothing(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.takes_bearer = False
    by_name = {name: COOKIES[name] for name in ("session-id", "session-token")}
    useless = {".amazon.test": [{"Name": "x", "Value": None}, {"Value": "y"}], "z": "two words"}
    stand_in.script(EXCHANGE, an_answer({"response": {"tokens": {"cookies": by_name | useless}}}))
    assert len((await bench.read()).readings) == 1


async def test_an_exchange_without_cookies_is_no_way_in(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.takes_bearer = False
    stand_in.script(EXCHANGE, an_answer({"response": {"tokens": {"cookies": {}}}}))
    assert isinstance(await fails(bench), CredentialsStale)


async def test_when_the_network_goes_while_cookies_are_made_it_is_the_networks_fault(
    stand_in: StandIn,
) -> None:
    stand_in.takes_bearer = False
    hosts = attrs.evolve(stand_in.hosts, www="http://127.0.0.1:1")
    bench = an_amazon_bench(hosts)
    assert isinstance(await fails(bench), SourceUnavailable)
    assert bench.state.get("amazon.authorisation") == {}
    await bench.source.close()


async def test_cookies_that_died_are_made_anew(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.takes_bearer = False
    await bench.read()
    stand_in.cookies["session-token"] = "another"
    stand_in.asked.clear()
    assert len((await bench.read()).readings) == 1
    assert stand_in.asked == [GRAPHQL, EXCHANGE, LANGUAGE, GRAPHQL]


async def test_a_token_is_let_in_again_where_cookies_are_no_more(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.takes_bearer = False
    await bench.read()
    stand_in.takes_bearer = True
    stand_in.script(GRAPHQL, unauthenticated())
    stand_in.script(EXCHANGE, an_answer(b"", 500))
    assert len((await bench.read()).readings) == 1
    assert "Authorization" in stand_in.headers[-1]
    assert bench.state.get("amazon.authorisation") == {}


async def test_where_nothing_is_let_in_nobody_signs_in_at_every_cycle(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    bench.wall.advance(300)
    stand_in.takes_bearer = False
    stand_in.script(EXCHANGE, an_answer(b"", 500))
    stand_in.asked.clear()
    assert isinstance(await fails(bench), CredentialsStale)
    assert stand_in.asked == [GRAPHQL, TOKEN, GRAPHQL, EXCHANGE]
    stand_in.asked.clear()
    bench.wall.advance(300)
    assert isinstance(await fails(bench), CredentialsStale)
    assert stand_in.asked == [GRAPHQL]
    stand_in.takes_bearer = True
    assert len((await bench.read()).readings) == 1


async def test_a_403_that_is_not_about_credentials_signs_nobody_in(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    stand_in.asked.clear()
    for _ in range(3):
        bench.wall.advance(300)
        stand_in.script(GRAPHQL, an_answer(b"", 403))
        stand_in.script("/api/phoenix/state", an_answer(b"", 403))
        assert isinstance(await fails(bench), SourceRefused)
    assert stand_in.count(TOKEN) == stand_in.count(EXCHANGE) == 0


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"error": "invalid_grant"}, 400),
        ({"error": {"code": "InvalidToken", "message": "Auth time of the token is expired"}}, 401),
        ({"response": {"error": {"code": "InvalidValue"}}}, 403),
        ({"error": "unauthorized_client", "error_description": "no"}, 400),
    ],
)
async def test_a_permanent_auth_error_is_one_that_came_twice_a_minute_apart(
    stand_in: StandIn, bench: AmazonBench, content: object, status: int
) -> None:
    stand_in.script(TOKEN, *(an_answer(content, status) for _ in range(2)))
    first = await fails(bench)
    assert isinstance(first, SourceUnavailable)
    assert "refuses the refresh token" in str(first)
    assert isinstance(await fails(bench), SourceUnavailable)  # at once: not asked again
    assert stand_in.count(TOKEN) == 1
    bench.wall.advance(61)
    refused = await fails(bench)
    assert isinstance(refused, CredentialsRefused)
    assert "homeclimate setup amazon" in str(refused)


async def test_a_refused_token_is_tried_once_an_hour_and_forgiven_when_it_works(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.refresh_token = "Atnr|revoked"
    await fails(bench)
    bench.wall.advance(61)
    for _ in range(3):
        assert isinstance(await fails(bench), CredentialsRefused)
        bench.wall.advance(300)
    assert stand_in.count(TOKEN) == 2
    bench.wall.advance(3600)
    stand_in.refresh_token = REFRESH_TOKEN
    stand_in.devices[0].sampled_at = "2026-03-01T13:15:00Z"
    assert len((await bench.read()).readings) == 1
    assert bench.state.get("amazon.refusal") == {}


async def test_a_new_token_is_tried_at_once_whatever_became_of_the_old(stand_in: StandIn) -> None:
    old = an_amazon_bench(stand_in.hosts, refresh_token="Atnr|revoked")
    await fails(old)
    old.wall.advance(61)
    assert isinstance(await fails(old), CredentialsRefused)
    await old.source.close()
    another = an_amazon_bench(
        stand_in.hosts, refresh_token="Atnr|revoked-too", state=old.state, wall=old.wall
    )
    assert isinstance(await fails(another), SourceUnavailable)  # its first refusal
    await another.source.close()
    new = an_amazon_bench(stand_in.hosts, state=old.state, wall=old.wall)
    assert len((await new.read()).readings) == 1
    await new.source.close()


async def test_a_clock_that_stepped_back_makes_no_second_refusal_of_the_first(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.refresh_token = "Atnr|revoked"
    await fails(bench)
    bench.wall.step_wall(-3600)
    assert isinstance(await fails(bench), SourceUnavailable)
    bench.wall.advance(61)
    assert isinstance(await fails(bench), CredentialsRefused)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"<html>Bad request</html>", 400),
        (b"", 400),
        (b"", 403),
        ({"error": "a_code_that_nobody_knows"}, 400),
        ({"error": {"code": "invalid_grant"}}, 500),
        ({}, 200),
        ({"access_token": ""}, 200),
        ({"access_token": "two words"}, 200),
        (b"[]", 200),
        (b"", 302),
    ],
)
async def test_an_unclear_answer_to_the_refresh_token_is_no_refusal(
    stand_in: StandIn, bench: AmazonBench, content: object, status: int
) -> None:
    for _ in range(3):
        stand_in.script(TOKEN, an_answer(content, status))
        assert isinstance(await fails(bench), SourceUnavailable)
        bench.wall.advance(300)
    assert stand_in.count(TOKEN) == 3


async def test_an_unknown_code_is_told_redacted(stand_in: StandIn, bench: AmazonBench) -> None:
    secret = f"a_new_code: {REFRESH_TOKEN}"
    stand_in.script(TOKEN, an_answer({"error": "a_code_that_nobody_knows", "error_description": secret}, 400))
    assert "a_code_that_nobody_knows" in str(await fails(bench))


@pytest.mark.parametrize(
    ("content", "status"), [({"error": "Rate exceeded"}, 400), (b"Rate exceeded", 400), (b"", 429)]
)
async def test_a_token_endpoint_that_asks_for_fewer_requests_is_left_in_peace(
    stand_in: StandIn, bench: AmazonBench, content: object, status: int
) -> None:
    stand_in.script(TOKEN, an_answer(content, status, Retry_After="9"))
    throttled = await fails(bench)
    assert isinstance(throttled, SourceThrottled)
    assert throttled.retry_after_s == 9


async def test_while_the_token_endpoint_is_in_trouble_the_old_token_serves_to_its_end(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    stand_in.devices[0].sampled_at = "2026-03-01T12:56:00Z"
    bench.wall.advance(56 * 60)
    stand_in.script(TOKEN, an_answer(b"", 500), an_answer(b"", 500))
    assert len((await bench.read()).readings) == 1
    bench.wall.advance(5 * 60)
    assert isinstance(await fails(bench), SourceUnavailable)


@pytest.mark.parametrize("expires_in", ["3600", 1800, None, -1, "soon"])
async def test_a_token_of_any_said_life_is_used(
    stand_in: StandIn, bench: AmazonBench, expires_in: object
) -> None:
    stand_in.tokens.add("Atna|given")
    answer = {"access_token": "Atna|given", "expires_in": expires_in}
    stand_in.script(TOKEN, an_answer(answer))
    assert len((await bench.read()).readings) == 1


async def test_there_is_one_renewal_at_a_time(stand_in: StandIn, bench: AmazonBench) -> None:
    tokens = AccessTokens(
        endpoint=TokenEndpoint(
            session=bench.session, hosts=stand_in.hosts, refresh_token=REFRESH_TOKEN, clock=bench.clock
        ),
        state=MemoryState(),
        credential=credential_mark(REFRESH_TOKEN),
        clock=bench.clock,
    )
    deadline_s = bench.clock.elapsed_s() + 10
    given = await asyncio.gather(*(tokens.token(deadline_s) for _ in range(5)))
    assert (len({token.value for token in given}), stand_in.count(TOKEN)) == (1, 1)
    renewed = await asyncio.gather(*(tokens.token(deadline_s, instead_of=given[0]) for _ in range(5)))
    assert (len({token.value for token in renewed}), stand_in.count(TOKEN)) == (1, 2)


@pytest.mark.parametrize("cookies", [COOKIES, {name: f'"{value}"' for name, value in COOKIES.items()}])
async def test_a_browsers_cookies_are_sent_as_they_are_with_the_csrf_header(
    stand_in: StandIn, cookies: dict[str, str]
) -> None:
    bench = an_amazon_bench(stand_in.hosts, refresh_token=None, cookies=cookies)
    assert len((await bench.read()).readings) == 1
    assert stand_in.headers[-1]["Cookie"] == "; ".join(f"{name}={value}" for name, value in COOKIES.items())
    assert stand_in.headers[-1]["csrf"] == COOKIES["csrf"]
    assert stand_in.count(TOKEN) == stand_in.count(LANGUAGE) == 0
    await bench.source.close()


async def test_a_csrf_cookie_that_is_missing_is_asked_for_once(stand_in: StandIn) -> None:
    cookies = {name: COOKIES[name] for name in ("session-id", "session-token")}
    bench = an_amazon_bench(stand_in.hosts, refresh_token=None, cookies=cookies)
    await bench.read()
    assert len((await bench.read()).readings) == 1
    assert stand_in.count(LANGUAGE) == 1
    await bench.source.close()


async def test_a_csrf_cookie_that_ended_meanwhile_is_asked_for_anew(stand_in: StandIn) -> None:
    cookies = {name: COOKIES[name] for name in ("session-id", "session-token")}
    bench = an_amazon_bench(stand_in.hosts, refresh_token=None, cookies=cookies)
    await bench.read()
    stand_in.cookies["csrf"] = "another"
    assert len((await bench.read()).readings) == 1
    await bench.source.close()


async def test_a_csrf_cookie_that_is_too_old_is_asked_for_anew(stand_in: StandIn) -> None:
    bench = an_amazon_bench(stand_in.hosts, refresh_token=None, cookies={**COOKIES, "csrf": "old"})
    assert len((await bench.read()).readings) == 1
    await bench.source.close()


@pytest.mark.parametrize(("size", "status"), [(0, 500), (0, 200), (4_000_001, 200)])
async def test_a_csrf_cookie_that_is_not_to_be_had_is_done_without(
    stand_in: StandIn, size: int, status: int
) -> None:
    cookies = {name: COOKIES[name] for name in ("session-id", "session-token")}
    bench = an_amazon_bench(stand_in.hosts, refresh_token=None, cookies=cookies)
    stand_in.script(LANGUAGE, *(an_answer(b" " * size, status) for _ in range(2)))
    assert isinstance(await fails(bench), CredentialsRefused)
    assert "csrf" not in stand_in.headers[-1]
    await bench.source.close()


async def test_cookies_that_are_dead_need_a_person(stand_in: StandIn) -> None:
    bench = an_amazon_bench(stand_in.hosts, refresh_token=None, cookies={**COOKIES, "session-token": "dead"})
    refused = await fails(bench)
    assert isinstance(refused, CredentialsRefused)
    assert "homeclimate setup amazon" in str(refused)
    assert "dead" not in str(refused)
    await bench.source.close()


@pytest.mark.parametrize(
    "cookies", [{}, {"session-token": "a\r\nX: y"}, {"sess ion": "a"}, {"session-id": "ü"}]
)
async def test_without_anything_that_can_be_sent_nothing_is(
    stand_in: StandIn, cookies: dict[str, str]
) -> None:
    bench = an_amazon_bench(stand_in.hosts, refresh_token=None, cookies=cookies)
    refused = await fails(bench)
    assert isinstance(refused, CredentialsRefused)
    assert "neither a refresh token nor" in str(refused)
    assert stand_in.asked == []
    await bench.source.close()


async def test_the_refresh_token_is_better_than_cookies(stand_in: StandIn) -> None:
    bench = an_amazon_bench(stand_in.hosts, cookies=COOKIES)
    await bench.read()
    assert "Cookie" not in stand_in.headers[-1]
    await bench.source.close()


async def test_no_secret_is_in_what_is_shown_of_requests_and_values(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    (token,) = stand_in.tokens
    authoriser = authoriser_of(
        refresh_token=REFRESH_TOKEN,
        cookies=COOKIES,
        session=bench.session,
        hosts=stand_in.hosts,
        state=bench.state,
        clock=bench.clock,
    )
    shown = repr([bench.session, bench.source, authoriser, bench.journal.records, Device()])
    assert token not in shown
    assert REFRESH_TOKEN not in shown
    assert REFRESH_TOKEN not in repr(bench.state.get("amazon.refusal"))
