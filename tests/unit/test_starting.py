"""A start goes without the garbage collector, and only the start."""

from __future__ import annotations

import gc

import pytest

from entrypoints.starting import unswept


def test_the_collector_rests_within_and_works_again_afterwards() -> None:
    with unswept():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_works_again_after_a_start_that_failed() -> None:
    with pytest.raises(ValueError, match="no start"), unswept():
        raise ValueError("no start")
    assert gc.isenabled()


def test_a_start_within_a_start_ends_nothing_early() -> None:
    with unswept():
        with unswept():
            pass
        assert not gc.isenabled()
