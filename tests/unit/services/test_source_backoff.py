"""What is remembered of a source's failures, and for which credential."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryClock
from adapters.memory.state import MemoryState
from domain.backoff import SourceFailures
from domain.cycle import Cause, Collected, Failed
from domain.services.source_backoff import SourceBackoff
from tests.support.builders import NOON, a_due


def a_backoff(state: MemoryState, credential: str = "mine", **changes: Any) -> SourceBackoff:
    return SourceBackoff(
        state=SavedState(state), clock=MemoryClock(NOON), credential=lambda _: credential, **changes
    )


def fail(backoff: SourceBackoff, cause: Cause, times: int = 3) -> None:
    for _ in range(times):
        backoff.record(Failed(due=a_due("amazon"), cause=cause, detail=""))


def is_paused(backoff: SourceBackoff) -> bool:
    return backoff.of("amazon").until is not None


@pytest.mark.parametrize(
    ("cause", "credential", "paused"),
    [
        (Cause.CREDENTIALS, "mine", True),
        (Cause.CREDENTIALS, "mended by hand", False),
        (Cause.THROTTLED, "mended by hand", True),  # about the sender, whoever signs in
    ],
)
def test_a_refusal_counts_only_for_the_credential_that_was_refused(
    cause: Cause, credential: str, paused: bool
) -> None:
    state = MemoryState()
    fail(a_backoff(state), cause)
    assert is_paused(a_backoff(state, credential)) is paused


def test_the_pause_of_an_earlier_version_names_no_credential_and_is_over() -> None:
    state = MemoryState()
    old = SourceFailures(failures=9, refusals=9, cause=Cause.CREDENTIALS, until=NOON)
    SavedState(state).save_failures("amazon", old)
    assert a_backoff(state).of("amazon") == SourceFailures()


def test_another_process_ends_the_pause_of_a_running_one() -> None:
    state = MemoryState()
    running = a_backoff(state)
    fail(running, Cause.CREDENTIALS)
    assert is_paused(running)
    a_backoff(state).reset(["amazon"], Cause.CREDENTIALS)
    assert running.of("amazon") == SourceFailures()


def test_a_person_who_waits_is_answered_and_the_pauses_go_on_growing() -> None:
    state = MemoryState()
    for cause in (Cause.CREDENTIALS, Cause.THROTTLED):
        fail(a_backoff(state), cause)
        before = a_backoff(state).of("amazon")
        waiting = a_backoff(state, asks_anyway=True)
        assert (is_paused(waiting), waiting.of("amazon").failures) == (False, before.failures)
        fail(waiting, cause, 1)
        assert a_backoff(state).of("amazon").refusals == before.refusals + 1
    waiting = a_backoff(state, asks_anyway=True)
    waiting.record(Collected(due=a_due("amazon"), readings=()))
    assert a_backoff(state).of("amazon") == SourceFailures()


def test_success_with_a_mended_credential_forgets_the_refusal() -> None:
    state = MemoryState()
    fail(a_backoff(state), Cause.CREDENTIALS)
    a_backoff(state, "mended").record(Collected(due=a_due("amazon"), readings=()))
    assert a_backoff(state).of("amazon") == SourceFailures()
