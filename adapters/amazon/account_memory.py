"""What the state keeps of an account: under which keys, and when it is forgotten.

Each value names in `of` the credential that it belongs to. The serial number of this program as a device of
the account is not among them: it is kept for ever.
"""

from __future__ import annotations

import hashlib

from ports.state import State

ACCESS_TOKEN = "amazon.access_token"  # noqa: S105 - a key of the state
AUTHORISATION = "amazon.authorisation"
MONITORS = "amazon.monitors"
REFUSAL = "amazon.refusal"
SECOND_INTERFACE = "amazon.second_interface"
THERMOSTATS = "amazon.thermostats"
_KEYS = (ACCESS_TOKEN, AUTHORISATION, MONITORS, REFUSAL, SECOND_INTERFACE, THERMOSTATS)


def credential_mark(secret: str) -> str:
    """Return a mark that identifies a credential or an account and reveals nothing of it."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:16]


def forget_account(state: State) -> None:
    """Forget everything that is known of the account."""
    for key in _KEYS:
        if state.get(key):
            state.put(key, {})


def forget_refusals(state: State, credential: str) -> None:
    """Forget refusals, and what belongs to another credential, because a test of this one has succeeded."""
    for key in _KEYS:
        saved = state.get(key)
        if saved and (key == REFUSAL or saved.get("of") != credential or "in_vain_at" in saved):
            state.put(key, {})


def ask_again(state: State) -> None:
    """Have the account asked now, though it refused or had no monitor a moment ago.

    What is known stays known: a refusal that was final is not called the first one.
    """
    refusal, authorisation = dict(state.get(REFUSAL)), dict(state.get(AUTHORISATION))
    if refusal:
        state.put(REFUSAL, {**refusal, "last_at": None})
    if authorisation.pop("in_vain_at", None) is not None:
        state.put(AUTHORISATION, authorisation)
    monitors = state.get(MONITORS)
    if monitors and not monitors.get("monitors"):
        state.put(MONITORS, {})
