"""A source is built again once what it signs in with has changed, and only then."""

from __future__ import annotations

import pytest

from adapters.memory.source import MemorySource
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused, SourceError, SourceUnavailable
from domain.services.renewed_source import RenewedSource
from tests.support.builders import NOON

REPLY = SourceReply(readings=())


async def test_only_after_a_failure_and_with_another_credential() -> None:
    marks, looked = ["old"], list[str]()
    first = MemorySource("amazon", [REPLY, REPLY, CredentialsRefused("no"), SourceUnavailable("away")])
    second = MemorySource("amazon", [REPLY, CredentialsRefused("no"), CredentialsRefused("no")])
    built = list[MemorySource]()

    def build() -> MemorySource:
        built.append([first, second][len(built)])
        return built[-1]

    def credential() -> str:
        looked.append(marks[-1])
        return marks[-1]

    source = RenewedSource(build=build, credential=credential)
    for _ in range(2):
        assert await source.read(NOON, 1.0) == REPLY
    assert looked == ["old"]
    for _ in range(2):
        with pytest.raises(SourceError):
            await source.read(NOON, 1.0)
    assert built == [first]  # the credential is the same
    marks.append("mended by hand")
    assert await source.read(NOON, 1.0) == REPLY
    assert (first.is_closed, second.is_closed, source.name) == (True, False, "amazon")
    for _ in range(2):
        with pytest.raises(CredentialsRefused):
            await source.read(NOON, 1.0)
    assert built == [first, second]
    await source.close()
    assert second.is_closed
