"""A Hue bridge without a network: what it answers to which operation is written down beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from adapters.hue.bridge import Bridge
from adapters.hue.http import BridgeSession, Reply, Request
from adapters.memory.runtime import MemoryClock
from tests.support.builders import NOON

CONFIG: Mapping[str, Any] = {
    "name": "Bridge of the tests",
    "bridgeid": "001788FFFE2E57ED",
    "modelid": "BSB002",
    "swversion": "1975170000",
}
KEY = "kept-between-us-0123456789abcdefghijklmn"


class CannedSession(BridgeSession):
    """Each operation has an answer: JSON, bytes, a Reply, or an error to raise; none is a 404."""

    def __init__(self, answers: Mapping[str, Any], base_url: str = "https://bridge") -> None:
        self.base_url = base_url
        self.answers = {"hue.config": CONFIG, **answers}
        self.asked: list[str] = []
        self.is_closed = self.is_aborted = False

    def ask(self, request: Request, deadline_s: float) -> Reply:
        self.asked.append(request.operation)
        answer = self.answers.get(request.operation)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Reply):
            return answer
        return a_reply_of(answer, request=request, status=404 if answer is None else 200)

    def abort(self) -> None:
        self.is_aborted = True

    def close(self) -> None:
        self.is_closed = True


def a_reply_of(content: Any, **changes: Any) -> Reply:
    """A reply with that content: bytes as they are, anything else as JSON."""
    fields: dict[str, Any] = {
        "request": Request(operation="hue.v1/sensors", path=f"/api/{KEY}/sensors", secret=KEY),
        "status": 200,
        "content_type": "application/json",
        "body": content if isinstance(content, bytes) else json.dumps(content).encode(),
    }
    return Reply(**(fields | changes))


def a_canned_bridge(
    answers: Mapping[str, Any] | CannedSession, *, base_url: str = "https://bridge", api_key: str = KEY
) -> Bridge:
    session = answers if isinstance(answers, CannedSession) else CannedSession(answers, base_url)
    return Bridge(session=session, api_key=api_key, clock=MemoryClock(NOON))
