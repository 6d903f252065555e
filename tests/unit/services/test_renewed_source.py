"""A source is built again once what it signs in with has changed."""

from __future__ import annotations

import pytest

from adapters.memory.source import MemorySource
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused, SourceError, SourceUnavailable
from domain.services.renewed_source import LOOK_EVERY_READS, RenewedSource
from tests.support.builders import NOON

REPLY = SourceReply(readings=())


class Building:
    """Builds these sources, one after the other, and has a credential."""

    def __init__(self, *sources: MemorySource) -> None:
        self.sources, self.built = sources, 0
        self.mark: str | None = "old"
        self.looks = 0

    def source(self) -> RenewedSource:
        return RenewedSource(build=self._build, credential=self._credential, built_with="old")

    def _build(self) -> MemorySource:
        self.built += 1
        return self.sources[self.built - 1]

    async def _credential(self) -> str | None:
        self.looks += 1
        return self.mark


async def test_a_failure_has_it_look_at_once() -> None:
    first = MemorySource("amazon", [REPLY, CredentialsRefused("no"), SourceUnavailable("away"), REPLY])
    second = MemorySource("amazon", [REPLY])
    building = Building(first, second)
    source = building.source()
    assert await source.read(NOON, 1.0) == REPLY
    for looks, mark in enumerate((None, "old")):
        with pytest.raises(SourceError):
            await source.read(NOON, 1.0)
        assert (building.looks, building.built) == (looks, 1)
        building.mark = mark  # unknown, then the same
    building.mark = "mended by hand"
    assert await source.read(NOON, 1.0) == REPLY
    assert (first.is_closed, second.is_closed, source.name) == (True, False, "amazon")
    await source.close()
    assert second.is_closed


async def test_while_all_is_well_it_looks_now_and_then() -> None:
    reads = LOOK_EVERY_READS
    building = Building(
        MemorySource("amazon", [REPLY] * (reads + 1)), MemorySource("amazon", [REPLY] * reads)
    )
    source = building.source()
    building.mark = "another account"
    for _ in range(reads):
        await source.read(NOON, 1.0)
    assert (building.looks, building.built) == (0, 1)
    for _ in range(reads):
        await source.read(NOON, 1.0)
    assert (building.looks, building.built) == (1, 2)
