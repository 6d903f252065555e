"""What a simulated service is asked, and what it answers, apart from the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import attrs

from adapters.simulator.faults import Effect
from domain.values import frozen

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


@frozen(kw_only=True)
class Request:
    """What came over the network. Names of headers are read without regard to case.

    `path` is decoded and without its query, `raw_path` is as it came. `host` is the name, and port if any,
    that the client meant. `at_once` is how many requests were being answered at its arrival, itself included.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    raw_path: str = ""
    query: Mapping[str, str] = attrs.field(factory=dict)
    host: str = ""
    is_secure: bool = True
    at_once: int = 1


@frozen(kw_only=True)
class Reply:
    """What goes back to the one who asked. `promised_bytes` is a Content-Length that is not true."""

    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""
    promised_bytes: int | None = None


Answer = Callable[[Request, Sequence[Effect]], Reply]


def compact(content: Json) -> bytes:
    """JSON without any blank."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
