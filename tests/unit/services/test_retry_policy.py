"""Which failures are worth another attempt, and how long to wait for it."""

from __future__ import annotations

import attrs
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
    NotifyUnavailable("the mail server is away"),
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
    ValueError("a fault of ours"),
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


@pytest.mark.parametrize(("number", "wait_s"), [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (9, 8.0)])
def test_waits_double_up_to_the_cap(number: int, wait_s: float) -> None:
    assert RetryPolicy(attempts=10).decide(an_attempt(number=number)) == Retry(wait_s)


@pytest.mark.parametrize(("jitter", "wait_s"), [(0.0, 1.0), (0.5, 1.125), (1.0, 1.25)])
def test_jitter_adds_up_to_a_quarter_of_the_wait(jitter: float, wait_s: float) -> None:
    assert RetryPolicy().decide(an_attempt(jitter=jitter)) == Retry(wait_s)


@pytest.mark.parametrize(("number", "is_over"), [(1, False), (2, False), (3, True), (4, True)])
def test_last_attempt_is_the_last(number: int, is_over: bool) -> None:
    decision = RetryPolicy(attempts=3).decide(an_attempt(number=number))
    assert (decision == GiveUp(f"{number} attempts failed")) == is_over


@pytest.mark.parametrize(
    ("attempts_allowed", "number", "is_over"), [(3, 1, False), (3, 2, True), (1, 1, True)]
)
def test_garbled_reply_is_retried_once(attempts_allowed: int, number: int, is_over: bool) -> None:
    policy = RetryPolicy(attempts=attempts_allowed)
    decision = policy.decide(an_attempt(number=number, error=SourceGarbled("<html>")))
    assert isinstance(decision, GiveUp) == is_over


@pytest.mark.parametrize(
    ("retry_after_s", "wait_s"),
    [(None, 1.0), (0.0, 0.0), (0.2, 0.2), (5.0, 5.0), (20.0, 20.0), (-3.0, 0.0)],
)
def test_retry_after_replaces_the_backoff(retry_after_s: float | None, wait_s: float) -> None:
    error = SourceThrottled("429", retry_after_s=retry_after_s)
    assert RetryPolicy(cap_s=8.0).decide(an_attempt(error=error)) == Retry(wait_s)


def test_retry_after_beyond_the_budget_gives_up() -> None:
    error = SourceThrottled("429", retry_after_s=60.0)
    assert isinstance(RetryPolicy().decide(an_attempt(error=error, budget_s=18.0)), GiveUp)


@pytest.mark.parametrize(
    ("elapsed_s", "cost_s", "is_over"),
    [(0.0, 0.0, False), (9.0, 0.0, False), (9.5, 0.0, True), (4.0, 5.0, False), (4.5, 5.0, True)],
)
def test_attempt_beyond_the_budget_is_not_made(elapsed_s: float, cost_s: float, is_over: bool) -> None:
    decision = RetryPolicy().decide(an_attempt(elapsed_s=elapsed_s, cost_s=cost_s, budget_s=10.0))
    assert (decision == GiveUp("no time left for another attempt")) == is_over


@pytest.mark.parametrize(
    ("error", "allowed"), [(SourceUnavailable("reset"), 3), (SourceGarbled("<html>"), 2)]
)
def test_policy_sets_the_number_of_attempts(error: Exception, allowed: int) -> None:
    assert RetryPolicy(attempts=3).attempts_for(error) == allowed


@given(policy=policies, jitter=shares)
def test_waits_never_shrink(policy: RetryPolicy, jitter: float) -> None:
    waits_s = [
        wait_of(policy.decide(an_attempt(number=number, jitter=jitter, budget_s=1e9)))
        for number in range(1, policy.attempts)
    ]
    assert waits_s == sorted(waits_s)


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


@given(policy=policies, attempt=attempts)
def test_decision_is_deterministic(policy: RetryPolicy, attempt: Attempt) -> None:
    assert policy.decide(attempt) == policy.decide(attrs.evolve(attempt))


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
