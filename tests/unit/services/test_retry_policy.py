"""The retry policy: failures that are worth another attempt, and the waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import (
    CredentialsRefused,
    CredentialsStale,
    NotifyError,
    NotifyUnavailable,
    SettingsError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreRefused,
)
from domain.retry import Attempt, Decision, GiveUp, Retry
from domain.services.retry_policy import RetryPolicy
from tests.support.builders import an_attempt

TRANSIENT = (
    SourceUnavailable("reset"),
    SourceThrottled("429"),
    StoreBusy("locked"),
    SourceGarbled("<html>"),
    NotifyUnavailable("the mail server does not answer"),
)
PERMANENT = (
    CredentialsRefused("revoked"),
    CredentialsStale("expired"),
    SourceRefused("another bridge"),
    StoreFull("no room"),
    NotifyError("no such mailbox"),
    StoreCorrupt("damaged"),
    StoreRefused("simulated"),
    SettingsError("wrong"),
    ValueError("a bug"),
    TimeoutError("the budget is over"),
)

seconds = st.floats(min_value=0, max_value=1e6)
shares = st.floats(min_value=0, max_value=1)
errors = st.one_of(
    st.sampled_from((*TRANSIENT, *PERMANENT)),
    st.builds(lambda after_s: SourceThrottled("429", retry_after_s=after_s), seconds),
)
attempts = st.builds(
    an_attempt,
    number=st.integers(min_value=1, max_value=10),
    error=errors,
    elapsed_s=seconds,
    cost_s=seconds,
    budget_s=seconds,
    jitter=shares,
)
policies = st.builds(
    RetryPolicy,
    attempts=st.integers(min_value=1, max_value=10),
    base_s=st.floats(min_value=0, max_value=60),
    multiplier=st.floats(min_value=1, max_value=10),
    cap_s=st.floats(min_value=0, max_value=3600),
)


def wait_of(decision: Decision) -> float:
    assert isinstance(decision, Retry)
    return decision.after_s


@pytest.mark.parametrize("error", TRANSIENT, ids=lambda error: type(error).__name__)
def test_transient_errors_are_retried(error: Exception) -> None:
    assert RetryPolicy().decide(an_attempt(error=error)) == Retry(1.0)


@pytest.mark.parametrize("error", PERMANENT, ids=lambda error: type(error).__name__)
def test_permanent_errors_are_not_retried(error: Exception) -> None:
    assert RetryPolicy().decide(an_attempt(error=error)) == GiveUp("permanent")


@pytest.mark.parametrize(
    ("number", "jitter", "wait_s"),
    [
        (1, 0.0, 1.0),
        (1, 0.5, 1.125),
        (1, 1.0, 1.25),
        (2, 0.0, 2.0),
        (3, 0.0, 4.0),
        (4, 0.0, 8.0),
        (9, 0.0, 8.0),
    ],
)
def test_waits_double_up_to_the_cap(number: int, jitter: float, wait_s: float) -> None:
    assert RetryPolicy(attempts=10).decide(an_attempt(number=number, jitter=jitter)) == Retry(wait_s)


@pytest.mark.parametrize(
    ("retry_after_s", "wait_s"),
    [(None, 1.0), (0.0, 0.0), (0.2, 0.2), (5.0, 5.0), (20.0, 20.0), (-3.0, 0.0)],
)
def test_retry_after_replaces_the_backoff(retry_after_s: float | None, wait_s: float) -> None:
    error = SourceThrottled("429", retry_after_s=retry_after_s)
    assert RetryPolicy(cap_s=8.0).decide(an_attempt(error=error)) == Retry(wait_s)


@pytest.mark.parametrize(
    ("elapsed_s", "cost_s", "is_over"),
    [(0.0, 0.0, False), (9.0, 0.0, False), (9.5, 0.0, True), (4.0, 5.0, False), (4.5, 5.0, True)],
)
def test_attempt_beyond_the_budget_is_not_made(elapsed_s: float, cost_s: float, is_over: bool) -> None:
    decision = RetryPolicy().decide(an_attempt(elapsed_s=elapsed_s, cost_s=cost_s, budget_s=10.0))
    assert (decision == GiveUp("no time left for another attempt")) == is_over


@given(policy=policies, attempt=attempts)
def test_no_retry_overruns_the_budget_or_the_number_of_attempts(
    policy: RetryPolicy, attempt: Attempt
) -> None:
    match policy.decide(attempt):
        case Retry(after_s):
            assert after_s >= 0
            assert attempt.elapsed_s + after_s + attempt.cost_s <= attempt.budget_s
            assert attempt.number < policy.attempts_for(attempt.error) <= policy.attempts
        case GiveUp(reason):
            assert reason


@given(policy=policies, retry_after_s=seconds, jitter=shares)
def test_retry_after_is_never_shortened(policy: RetryPolicy, retry_after_s: float, jitter: float) -> None:
    error = SourceThrottled("429", retry_after_s=retry_after_s)
    decision = policy.decide(an_attempt(error=error, jitter=jitter, budget_s=1e9))
    assert policy.attempts == 1 or wait_of(decision) >= retry_after_s


@given(policy=policies, number=st.integers(min_value=1, max_value=9), jitter=shares)
def test_backoff_is_at_most_the_cap_and_a_quarter(policy: RetryPolicy, number: int, jitter: float) -> None:
    decision = policy.decide(an_attempt(number=number, jitter=jitter, budget_s=1e9))
    assert isinstance(decision, GiveUp) or decision.after_s <= policy.cap_s * 1.25


@pytest.mark.parametrize(
    ("policy", "share_s"),
    [
        (RetryPolicy(jitter_share=0.0), (8 - 1 - 2) / 3),
        (RetryPolicy(), (8 - 1.25 - 2.5) / 3),
        (RetryPolicy(attempts=1), 8.0),
        (RetryPolicy(attempts=4, base_s=0.0), 2.0),
        (RetryPolicy(base_s=4.0), 8.0),
        (RetryPolicy(attempts=10, base_s=0.0), 8.0),
    ],
)
def test_share_leaves_time_for_all_attempts(policy: RetryPolicy, share_s: float) -> None:
    assert policy.share_s(8.0) == pytest.approx(share_s)


def test_a_share_of_a_second_is_long_enough() -> None:
    assert RetryPolicy(jitter_share=0.0).share_s(3 * 1.0 + 1 + 2) == 1.0


@pytest.mark.parametrize(("base_s", "wait_s"), [(1.0, 8.0), (0.0, 0.0)])
def test_a_wait_beyond_all_numbers_is_the_cap(base_s: float, wait_s: float) -> None:
    policy = RetryPolicy(attempts=10_000, base_s=base_s)
    assert policy.decide(an_attempt(number=5_000)) == Retry(wait_s)


@given(policy=policies, jitter=shares)
def test_all_shares_fit_into_the_budget(policy: RetryPolicy, jitter: float) -> None:
    share_s = policy.share_s(8.0)
    elapsed_s, made = 0.0, 0
    while True:
        elapsed_s, made = elapsed_s + share_s, made + 1
        attempt = an_attempt(
            number=made, elapsed_s=elapsed_s, cost_s=share_s, budget_s=8.0 + 1e-6, jitter=jitter
        )
        match policy.decide(attempt):
            case Retry(after_s):
                elapsed_s += after_s
            case GiveUp():
                break
    assert made == (policy.attempts if share_s < 8.0 else 1)


@pytest.mark.parametrize(
    ("error", "allowed"), [(SourceUnavailable("reset"), 3), (SourceGarbled("<html>"), 2)]
)
def test_last_attempt_is_the_last(error: Exception, allowed: int) -> None:
    policy = RetryPolicy(attempts=3)
    assert policy.attempts_for(error) == allowed
    assert RetryPolicy(attempts=1).attempts_for(error) == 1
    decisions = [policy.decide(an_attempt(number=number, error=error)) for number in range(1, 5)]
    assert [isinstance(decision, Retry) for decision in decisions] == [
        number < allowed for number in range(1, 5)
    ]
    assert decisions[-1] == GiveUp("4 attempts failed")
