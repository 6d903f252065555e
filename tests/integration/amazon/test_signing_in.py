"""How requests are let in: tokens, their renewal and refusal, and cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from adapters.amazon.account_memory import ask_again, credential_mark, forget_account, forget_refusals
from adapters.amazon.authorisation import authoriser_of
from adapters.amazon.http import AsksForPerson
from adapters.amazon.tokens import AccessTokens, TokenEndpoint
from adapters.memory.state import MemoryState
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
    PHOENIX,
    REFRESH_TOKEN,
    TOKEN,
    Device,
    StandIn,
    an_answer,
    unauthenticated,
)
from tests.support.amazon_bench import AmazonBench, in_front_of

SIGN_IN_PAGE = b'<form action="https://www.amazon.com/ap/signin">'
WITHOUT_CSRF = {name: COOKIES[name] for name in ("session-id", "session-token")}


async def error_of(bench: AmazonBench) -> SourceError:
    """Return what a read raises."""
    with pytest.raises(SourceError) as raised:
        await bench.read()
    assert REFRESH_TOKEN not in str(raised.value) + repr(raised.value)
    return raised.value


async def is_read(bench: AmazonBench) -> bool:
    return len((await bench.read()).readings) == 1


# Access tokens.


async def test_a_token_is_asked_for_as_the_app_does(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    (form,) = stand_in.forms
    assert form["source_token"] == REFRESH_TOKEN
    assert (form["source_token_type"], form["requested_token_type"]) == ("refresh_token", "access_token")
    assert {"app_name", "app_version", "di.os.name"} <= set(form)


async def test_a_token_is_used_for_55_minutes(stand_in: StandIn, bench: AmazonBench) -> None:
    for minutes, tokens in ((0, 1), (54, 1), (2, 2)):
        bench.wall.advance(minutes * 60)
        await bench.read()
        assert stand_in.count(TOKEN) == tokens


async def test_a_token_of_another_sign_in_is_not_used(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    stand_in.refresh_token = "Atnr|another-refresh-token-of-the-tests"
    async with in_front_of(stand_in.hosts, refresh_token=stand_in.refresh_token, state=bench.state) as second:
        await second.read()
    assert stand_in.count(TOKEN) == 2


@pytest.mark.parametrize(
    "saved", [{"value": "a b\r\nX: y"}, {"since": "2026-03-01T13:00:00+00:00"}, {"until": 7}, {"of": None}]
)
async def test_a_saved_token_that_cannot_be_right_is_not_used(
    stand_in: StandIn, bench: AmazonBench, saved: dict[str, Any]
) -> None:
    await bench.read()
    bench.state.put("amazon.access_token", {**bench.state.get("amazon.access_token"), **saved})
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
async def test_a_stale_token_is_renewed_once_and_the_request_repeated_once(
    stand_in: StandIn, bench: AmazonBench, stale: Callable[[], Any]
) -> None:
    await bench.read()
    bench.wall.advance(300)
    stand_in.asked.clear()
    stand_in.script(GRAPHQL, stale())
    assert await is_read(bench)
    assert stand_in.asked == [GRAPHQL, TOKEN, GRAPHQL]
    stand_in.asked.clear()
    assert await is_read(bench)
    assert stand_in.asked == [GRAPHQL]  # the new one is kept


async def test_an_old_token_serves_to_its_end_if_renewal_fails(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    bench.wall.advance(56 * 60)
    stand_in.script(TOKEN, an_answer(b"", 500), an_answer(b"", 500))
    assert await is_read(bench)
    bench.wall.advance(5 * 60)
    assert isinstance(await error_of(bench), SourceUnavailable)


@pytest.mark.parametrize("expires_in", ["3600", 1800, None, -1, "soon"])
async def test_a_token_with_any_lifetime_is_used(
    stand_in: StandIn, bench: AmazonBench, expires_in: object
) -> None:
    stand_in.tokens.add("Atna|given")
    stand_in.script(TOKEN, an_answer({"access_token": "Atna|given", "expires_in": expires_in}))
    assert await is_read(bench)


async def test_one_renewal_runs_at_a_time(stand_in: StandIn, bench: AmazonBench) -> None:
    endpoint = TokenEndpoint(
        session=bench.session, hosts=stand_in.hosts, refresh_token=REFRESH_TOKEN, clock=bench.clock
    )
    tokens = AccessTokens(
        endpoint=endpoint, state=MemoryState(), credential=credential_mark(REFRESH_TOKEN), clock=bench.clock
    )
    deadline_s = bench.clock.elapsed_s() + 10
    given = await asyncio.gather(*(tokens.token(deadline_s) for _ in range(5)))
    assert (len({token.value for token in given}), stand_in.count(TOKEN)) == (1, 1)
    renewed = await asyncio.gather(*(tokens.token(deadline_s, instead_of=given[0]) for _ in range(5)))
    assert (len({token.value for token in renewed}), stand_in.count(TOKEN)) == (1, 2)


# Cookies made from the refresh token, where no access token is accepted.


async def test_cookies_are_made_and_remembered_where_tokens_are_not_accepted(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.takes_bearer = False
    assert await is_read(bench)
    assert stand_in.count(TOKEN) == 1  # a new token is not refused for its age
    assert stand_in.headers[-1]["csrf"] == COOKIES["csrf"]
    assert stand_in.forms[-1]["domain"] == ".amazon.test"
    async with in_front_of(stand_in.hosts, state=bench.state) as second:
        for again in (bench, second):
            stand_in.asked.clear()
            assert await is_read(again)
            assert stand_in.asked[-1] == GRAPHQL
            assert EXCHANGE not in stand_in.asked
    stand_in.cookies["session-token"] = "another"  # those that were made are dead
    stand_in.asked.clear()
    assert await is_read(bench)
    assert stand_in.asked == [GRAPHQL, EXCHANGE, LANGUAGE, GRAPHQL]


async def test_cookies_may_come_by_name_and_with_useless_ones(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.takes_bearer = False
    useless = {".amazon.test": [{"Name": "x", "Value": None}, {"Value": "y"}], "z": "two words"}
    stand_in.script(EXCHANGE, an_answer({"response": {"tokens": {"cookies": WITHOUT_CSRF | useless}}}))
    assert await is_read(bench)


async def test_an_exchange_without_cookies_lets_nothing_in(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.takes_bearer = False
    stand_in.script(EXCHANGE, an_answer({"response": {"tokens": {"cookies": {}}}}))
    assert isinstance(await error_of(bench), CredentialsStale)


async def test_network_trouble_while_cookies_are_made_is_network_trouble(stand_in: StandIn) -> None:
    stand_in.takes_bearer = False
    async with in_front_of(attrs.evolve(stand_in.hosts, www="http://127.0.0.1:1")) as bench:
        assert isinstance(await error_of(bench), SourceUnavailable)
        assert bench.state.get("amazon.authorisation") == {}


async def test_tokens_are_used_again_where_cookies_are_not_accepted_any_more(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.takes_bearer = False
    await bench.read()
    stand_in.takes_bearer = True
    stand_in.script(GRAPHQL, unauthenticated())
    stand_in.script(EXCHANGE, an_answer(b"", 500))
    assert await is_read(bench)
    assert "Authorization" in stand_in.headers[-1]
    assert bench.state.get("amazon.authorisation") == {}


async def test_where_nothing_is_accepted_no_cycle_signs_in_again(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    bench.wall.advance(300)
    stand_in.takes_bearer = False
    stand_in.script(EXCHANGE, an_answer(b"", 500))
    for asked in ([GRAPHQL, TOKEN, GRAPHQL, EXCHANGE], [GRAPHQL]):
        stand_in.asked.clear()
        assert isinstance(await error_of(bench), CredentialsStale)
        assert stand_in.asked == asked
        bench.wall.advance(300)
    for forget in (lambda: forget_refusals(bench.state, credential_mark(REFRESH_TOKEN)), None):
        forget() if forget else ask_again(bench.state)
        stand_in.script(EXCHANGE, an_answer(b"", 500))
        stand_in.asked.clear()
        bench.wall.advance(300)  # else the token would be too new to be renewed
        assert isinstance(await error_of(bench), CredentialsStale)  # in the process that runs
        assert stand_in.asked == [GRAPHQL, TOKEN, GRAPHQL, EXCHANGE]
    stand_in.takes_bearer = True
    assert await is_read(bench)


async def test_a_403_about_something_else_signs_in_nobody(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    stand_in.asked.clear()
    for _ in range(3):
        bench.wall.advance(300)
        stand_in.script(GRAPHQL, an_answer(b"", 403))
        stand_in.script(PHOENIX, an_answer(b"", 403))
        assert isinstance(await error_of(bench), SourceRefused)
    assert stand_in.count(TOKEN) == stand_in.count(EXCHANGE) == 0


# Pages for a person.

CAPTCHA = b'<form method="get" action="/errors/validateCaptcha">'


@pytest.mark.parametrize(
    ("page", "location"),
    [(CAPTCHA, ""), (b'<a href="/ap/cvf/x">', ""), (b"", "/ap/mfa"), (b"", "/ap/cvf/request?x=1")],
)
async def test_a_page_for_a_person_is_named_and_signs_in_nobody(
    stand_in: StandIn, bench: AmazonBench, page: bytes, location: str
) -> None:
    await bench.read()
    bench.wall.advance(300)
    for _ in range(3):
        stand_in.asked.clear()
        answer = an_answer(page, 302, Location=location) if location else an_answer(page)
        stand_in.script(GRAPHQL, answer)
        error = await error_of(bench)
        assert isinstance(error, AsksForPerson)
        assert str(error).startswith("Amazon asks for a person: it wants ")
        assert "homeclimate setup amazon" in str(error)
        assert stand_in.asked == [GRAPHQL]
    assert await is_read(bench)  # it was a passing thing


@pytest.mark.parametrize("page", [CAPTCHA, SIGN_IN_PAGE])
@pytest.mark.parametrize("status", [200, 302, 400, 403])
async def test_a_page_for_a_person_in_place_of_a_token_is_no_refusal(
    stand_in: StandIn, bench: AmazonBench, page: bytes, status: int
) -> None:
    for _ in range(2):
        stand_in.script(TOKEN, an_answer(page, status))
        assert isinstance(await error_of(bench), AsksForPerson)
        bench.wall.advance(61)
    assert bench.state.get("amazon.refusal") == {}
    assert await is_read(bench)


async def test_a_lasting_sign_in_page_names_the_next_step(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    stand_in.script(GRAPHQL, *(an_answer(SIGN_IN_PAGE) for _ in range(4)))
    error = await error_of(bench)
    assert isinstance(error, CredentialsStale)
    assert "homeclimate setup amazon" in str(error)


async def test_in_a_trial_the_first_refusal_counts(stand_in: StandIn) -> None:
    stand_in.refresh_token = "Atnr|another"
    async with in_front_of(stand_in.hosts, is_trial=True) as bench:
        error = await error_of(bench)
    assert isinstance(error, CredentialsRefused)
    assert "it was revoked, or it is not complete" in str(error)
    assert "once more" not in str(error)


async def test_what_cannot_be_a_token_is_not_sent(stand_in: StandIn) -> None:
    async with in_front_of(
        stand_in.hosts, refresh_token="", problem="This is JSON", cookies=COOKIES
    ) as bench:
        error = await error_of(bench)
    assert isinstance(error, CredentialsRefused)
    assert str(error).endswith("is not sent: This is JSON")
    assert stand_in.asked == []


# Refusals of the refresh token.


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"error": "invalid_grant"}, 400),
        ({"error": {"code": "InvalidToken", "message": "Auth time of the token is expired"}}, 401),
        ({"response": {"error": {"code": "InvalidValue"}}}, 403),
        ({"error": "unauthorized_client", "error_description": "no"}, 400),
    ],
)
async def test_a_token_is_refused_for_good_when_refused_twice_a_minute_apart(
    stand_in: StandIn, bench: AmazonBench, content: object, status: int
) -> None:
    stand_in.script(TOKEN, *(an_answer(content, status) for _ in range(2)))
    first = await error_of(bench)
    assert isinstance(first, SourceUnavailable)
    assert "refuses the refresh token (" in str(first)
    assert "tried once more before that counts" in str(first)
    assert isinstance(await error_of(bench), SourceUnavailable)  # at once: not asked again
    assert stand_in.count(TOKEN) == 1
    bench.wall.advance(61)
    refused = await error_of(bench)
    assert isinstance(refused, CredentialsRefused)
    assert "homeclimate setup amazon" in str(refused)


async def test_a_refused_token_is_probed_hourly_and_forgiven_when_accepted(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.refresh_token = "Atnr|revoked"
    await error_of(bench)
    bench.wall.advance(61)
    for _ in range(3):
        assert isinstance(await error_of(bench), CredentialsRefused)
        bench.wall.advance(300)
    assert stand_in.count(TOKEN) == 2
    bench.wall.advance(3600)
    stand_in.refresh_token = REFRESH_TOKEN
    assert await is_read(bench)
    assert bench.state.get("amazon.refusal") == {}


async def test_a_refused_token_is_asked_for_again_and_stays_refused_for_good(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.refresh_token = "Atnr|revoked"
    await error_of(bench)
    bench.wall.advance(61)
    for asked in (2, 3, 4):
        assert isinstance(await error_of(bench), CredentialsRefused)
        assert isinstance(await error_of(bench), CredentialsRefused)
        assert stand_in.count(TOKEN) == asked
        ask_again(bench.state)
    stand_in.refresh_token = REFRESH_TOKEN
    assert await is_read(bench)


async def test_another_account_leaves_nothing_of_the_one_before(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    keys = ("access_token", "authorisation", "monitors", "refusal", "second_interface")
    stand_in.takes_bearer = False
    await bench.read()
    bench.state.put("amazon.monitors", {**bench.state.get("amazon.monitors"), "of": None})
    bench.state.put("amazon.device", {"serial": "1"})
    assert [bool(bench.state.get(f"amazon.{key}")) for key in keys] == [True, True, True, False, False]
    forget_refusals(bench.state, credential_mark("Atnr|another"))
    assert not any(bench.state.get(f"amazon.{key}") for key in keys)
    async with in_front_of(stand_in.hosts, state=bench.state) as again:
        await again.read()
    forget_refusals(bench.state, credential_mark(REFRESH_TOKEN))
    assert bench.state.get("amazon.monitors")
    forget_account(bench.state)
    assert not any(bench.state.get(f"amazon.{key}") for key in keys)
    assert bench.state.get("amazon.device") == {"serial": "1"}


async def test_an_account_without_monitors_is_asked_when_a_person_waits(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    devices, stand_in.devices = stand_in.devices, []
    assert (await bench.read()).readings == ()
    stand_in.devices = devices
    ask_again(bench.state)
    async with in_front_of(stand_in.hosts, state=bench.state) as again:
        assert await is_read(again)


async def test_a_refusal_belongs_to_one_token(stand_in: StandIn, bench: AmazonBench) -> None:
    shared: dict[str, Any] = {"state": bench.state, "wall": bench.wall}
    async with in_front_of(stand_in.hosts, refresh_token="Atnr|revoked", **shared) as old:
        await error_of(old)
        old.wall.advance(61)
        assert isinstance(await error_of(old), CredentialsRefused)
    async with in_front_of(stand_in.hosts, refresh_token="Atnr|revoked-too", **shared) as another:
        assert isinstance(await error_of(another), SourceUnavailable)  # its first refusal
    assert await is_read(bench)


async def test_a_clock_set_back_does_not_make_one_refusal_two(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.refresh_token = "Atnr|revoked"
    await error_of(bench)
    bench.wall.step_wall(-3600)
    assert isinstance(await error_of(bench), SourceUnavailable)
    bench.wall.advance(61)
    assert isinstance(await error_of(bench), CredentialsRefused)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"<html>Bad request</html>", 400),
        (b"", 400),
        (b"", 403),
        ({"error": "an_unknown_code", "error_description": f"a_new_code: {REFRESH_TOKEN}"}, 400),
        ({"error": {"code": "invalid_grant"}}, 500),
        ({}, 200),
        ({"access_token": "", "hint": "short-secret"}, 400),
        ({"access_token": "two words"}, 200),
        (b"[]", 200),
        (b"", 302),
    ],
)
async def test_an_unclear_reply_to_the_refresh_token_is_not_a_refusal(
    stand_in: StandIn, bench: AmazonBench, content: Any, status: int
) -> None:
    for _ in range(3):
        stand_in.script(TOKEN, an_answer(content, status))
        error = await error_of(bench)
        assert isinstance(error, SourceUnavailable)
        assert ("an_unknown_code" in str(error)) == ("an_unknown_code" in str(content))
        assert "short-secret" not in str(error)
        bench.wall.advance(300)
    assert stand_in.count(TOKEN) == 3


@pytest.mark.parametrize(
    ("content", "status"), [({"error": "Rate exceeded"}, 400), (b"Rate exceeded", 400), (b"", 429)]
)
async def test_a_token_endpoint_may_throttle(
    stand_in: StandIn, bench: AmazonBench, content: object, status: int
) -> None:
    stand_in.script(TOKEN, an_answer(content, status, Retry_After="9"))
    throttled = await error_of(bench)
    assert isinstance(throttled, SourceThrottled)
    assert throttled.retry_after_s == 9


# A browser's cookies, for homes without a refresh token.


@pytest.mark.parametrize("cookies", [COOKIES, {name: f'"{value}"' for name, value in COOKIES.items()}])
async def test_a_browsers_cookies_are_sent_as_they_are_with_the_csrf_header(
    stand_in: StandIn, cookies: dict[str, str]
) -> None:
    async with in_front_of(stand_in.hosts, refresh_token=None, cookies=cookies) as bench:
        assert await is_read(bench)
    assert stand_in.headers[-1]["Cookie"] == "; ".join(f"{name}={value}" for name, value in COOKIES.items())
    assert stand_in.headers[-1]["csrf"] == COOKIES["csrf"]
    assert stand_in.count(TOKEN) == stand_in.count(LANGUAGE) == 0


async def test_a_csrf_cookie_is_fetched_once_and_again_when_it_is_refused(stand_in: StandIn) -> None:
    async with in_front_of(stand_in.hosts, refresh_token=None, cookies=WITHOUT_CSRF) as bench:
        for _ in range(2):
            assert await is_read(bench)
        assert stand_in.count(LANGUAGE) == 1
        stand_in.cookies["csrf"] = "another"
        assert await is_read(bench)
    async with in_front_of(stand_in.hosts, refresh_token=None, cookies={**COOKIES, "csrf": "old"}) as bench:
        assert await is_read(bench)


@pytest.mark.parametrize(("size", "status"), [(0, 500), (0, 200), (4_000_001, 200)])
async def test_requests_go_without_a_csrf_cookie_that_cannot_be_fetched(
    stand_in: StandIn, size: int, status: int
) -> None:
    stand_in.script(LANGUAGE, *(an_answer(b" " * size, status) for _ in range(2)))
    async with in_front_of(stand_in.hosts, refresh_token=None, cookies=WITHOUT_CSRF) as bench:
        assert isinstance(await error_of(bench), CredentialsRefused)
    assert "csrf" not in stand_in.headers[-1]


@pytest.mark.parametrize(
    ("cookies", "words"),
    [
        ({**COOKIES, "session-token": "dead"}, "homeclimate setup amazon"),
        ({}, "neither a refresh token nor"),
        ({"session-token": "a\r\nX: y"}, "neither a refresh token nor"),
        ({"sess ion": "a"}, "neither a refresh token nor"),
        ({"session-id": "ü"}, "neither a refresh token nor"),
    ],
)
async def test_cookies_that_are_dead_or_cannot_be_sent_need_a_person(
    stand_in: StandIn, cookies: dict[str, str], words: str
) -> None:
    async with in_front_of(stand_in.hosts, refresh_token=None, cookies=cookies) as bench:
        refused = await error_of(bench)
    assert isinstance(refused, CredentialsRefused)
    assert words in str(refused)
    assert "dead" not in str(refused)
    assert bool(stand_in.asked) == (len(cookies) > 1)


async def test_a_refresh_token_is_preferred_to_cookies(stand_in: StandIn) -> None:
    async with in_front_of(stand_in.hosts, cookies=COOKIES) as bench:
        await bench.read()
    assert "Cookie" not in stand_in.headers[-1]


async def test_no_secret_is_shown_of_requests_and_values(stand_in: StandIn, bench: AmazonBench) -> None:
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
    assert REFRESH_TOKEN not in repr([bench.state.get(f"amazon.{key}") for key in ("refusal", "monitors")])
