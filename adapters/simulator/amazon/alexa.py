"""The simulated Alexa service, apart from the network: what it answers to which request."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs

import attrs

from adapters.simulator.alexa_effects import StaleToken
from adapters.simulator.amazon import graphql, oauth, phoenix
from adapters.simulator.amazon.account import Account
from adapters.simulator.amazon.cookies import csrf, sent_cookies
from adapters.simulator.amazon.damage import GRAPHQL_PATH, damaged
from adapters.simulator.amazon.endpoints import resolvers
from adapters.simulator.amazon.hosts import market, neighbour
from adapters.simulator.amazon.linking import CodePairs
from adapters.simulator.amazon.pages import code_page, json_reply, page, redirect, sign_in_page
from adapters.simulator.amazon.small_answers import small_answer
from adapters.simulator.amazon.view import CELSIUS, View
from adapters.simulator.faults import Effect, RevokedKey
from adapters.simulator.reply import Reply, Request
from ports.clock import Clock

_CODE_PATHS = ("/code", "/a/code", "/us/code")
_GONE = 299
# The pages that set the csrf cookie of who has none yet.
_CSRF_PATHS = ("/spa/index.html", "/api/language", "/api/devices-v2/device", "/api/strings")


class Alexa:
    """Answers requests; never fails. Every path answers under every host name."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.seed = seed
        self.account = Account(clock, seed)
        self.code_pairs = CodePairs(clock)
        self.scale = CELSIUS

    def answer(self, asked: Request, effects: Sequence[Effect]) -> Reply:
        """The reply, as the effects want it."""
        return damaged(self._answer(asked, effects), effects, asked, self.clock.now())

    def _answer(self, asked: Request, effects: Sequence[Effect]) -> Reply:
        match asked.method, asked.path:
            case "POST", "/auth/token" | "/ap/exchangetoken/cookies":
                return oauth.token(self.account, asked, effects)
            case "POST", "/auth/create/codepair":
                return oauth.create_code_pair(self.code_pairs, asked)
            case "POST", "/auth/register":
                return oauth.register(self.account, self.code_pairs, asked)
            case "POST", "/auth/deregister":
                return oauth.deregister(self.account, asked)
            case _, "/ap/signin":
                return sign_in_page()
            case _, path if path in _CODE_PATHS:
                return self._code(asked)
            case "GET", "/api/phoenix":
                return Reply(status=_GONE, headers={"Content-Type": "text/plain"})
        if not self._is_signed_in(asked, effects):
            return self._unauthenticated(asked, effects)
        return self._signed_in(asked, effects)

    def _signed_in(self, asked: Request, effects: Sequence[Effect]) -> Reply:
        view = View(seed=self.seed, now=self.clock.now(), effects=effects, scale=self.scale)
        match asked.method, asked.path:
            case "POST", path if path == GRAPHQL_PATH:
                return graphql.answer(asked.body, resolvers(view))
            case "POST", "/api/phoenix/state":
                return phoenix.state(view, asked.body)
            case "PUT", "/v1/devices/@self/capabilities":
                return Reply(status=204)
            case "GET", "/spa/index.html":
                return page("Alexa", headers=self._csrf(asked))
            case ("GET", _) | ("POST", "/alexashoppinglists/api/v2/lists/fetch"):
                reply = small_answer(self.account, self.seed, asked)
                if reply is not None:
                    return attrs.evolve(reply, headers={**reply.headers, **self._csrf(asked)})
        return page("Page Not Found", status=404)

    def _is_signed_in(self, asked: Request, effects: Sequence[Effect]) -> bool:
        """By a bearer's token, if there is one; else by a session's cookies, with a csrf header to match."""
        if any(isinstance(effect, StaleToken | RevokedKey) for effect in effects):
            return False
        access_token = oauth.bearer_token(asked.headers)
        if access_token:
            return self.account.bearer(access_token) is not None
        cookies = sent_cookies(asked.headers)
        is_from_here = asked.method == "GET" or cookies.get("csrf") == asked.headers.get("csrf")
        return is_from_here and self.account.is_signed_in(cookies)

    def _unauthenticated(self, asked: Request, effects: Sequence[Effect]) -> Reply:
        told = next((effect.answered for effect in effects if isinstance(effect, StaleToken)), "errors")
        match told:
            case "page":
                return sign_in_page()
            case "redirect":
                return redirect(f"{neighbour(asked, 'www')}/ap/signin?openid.return_to=x")
            case "errors" if asked.path == GRAPHQL_PATH:
                extensions = {"errorCode": "FORBIDDEN", "classification": "DataFetchingException"}
                return graphql.failing(asked.body, "Unauthenticated call", dict(extensions))
        return json_reply({"message": "Unauthorized"}, 401)

    def _csrf(self, asked: Request) -> dict[str, str]:
        cookies = sent_cookies(asked.headers)
        if asked.path not in _CSRF_PATHS or "csrf" in cookies:
            return {}
        domain = f"Domain=.{market(asked.host)}; " if "amazon." in asked.host else ""
        return {"Set-Cookie": f"csrf={csrf(cookies.get('session-id', ''))}; {domain}Path=/; Secure"}

    def _code(self, asked: Request) -> Reply:
        """The page on which people type the code that a device shows them."""
        form = parse_qs(asked.body.decode(errors="replace")) if asked.method == "POST" else {}
        code = next((form[name][0] for name in ("cbl-code", "code", "public_code") if name in form), "")
        if not code:
            return code_page("Enter the code shown on your device.", asked.query.get("cbl-code", ""))
        approve = form.get("action") != ["deny"]
        if not self.code_pairs.answer(code, approve=approve):
            return code_page("The code you entered is not valid.", code, 400)
        return page("Success!" if approve else "Your device was not registered")
