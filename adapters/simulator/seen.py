"""The requests that a simulated service has seen, for tests and for people who try a client on it."""

from __future__ import annotations

from datetime import datetime

from domain.values import frozen


@frozen(kw_only=True)
class SeenRequest:
    """One request and what became of it.

    `path` has `***` in the place of an application key. `status` is None when no reply was sent. `at_once`
    is how many requests were being answered at its arrival, itself included. `faults` names the effects
    that it met.
    """

    method: str
    path: str
    scheme: str
    at: datetime
    elapsed_s: float
    status: int | None
    reply_bytes: int
    at_once: int
    faults: tuple[str, ...] = ()
