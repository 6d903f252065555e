"""The part of the composition root that gives the set-up its adapters."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from config.bridges import Bridge
from config.draft import Draft
from config.loading import Loaded
from domain.services.source_setup import Linking, Pairing, Trial
from entrypoints.wiring.sources import (
    amazon_hosts,
    amazon_source,
    bridge_finder,
    bridge_opener,
    hue_source,
)
from entrypoints.wiring.storage import data_folder, state, state_file
from ports.journal import Journal, Level
from ports.setup import BridgeFinder
from ports.source import Source

if TYPE_CHECKING:
    from adapters.amazon.http import AmazonSession
    from adapters.amazon.linking import AmazonLinking, SignOut
    from entrypoints.wiring.environment import Environment

_TIMEOUT_S = 8.0


def finder(environment: Environment, *, by_cloud: bool) -> BridgeFinder:
    """Whoever knows where bridges are."""
    if not by_cloud:
        return bridge_finder(environment)
    from adapters.hue.discovery import CLOUD, CloudFinder

    return CloudFinder(url=environment.bridge_cloud or CLOUD, clock=environment.clock)


def pairing(environment: Environment) -> Pairing:
    """What pairs with a bridge."""
    from adapters.hue.pairing import HuePairing
    from adapters.hue.tls import SIGNIFY_ROOTS
    from adapters.runtime.meter import SystemMeter

    return Pairing(
        bridges=HuePairing(
            roots=environment.hue_roots or SIGNIFY_ROOTS,
            host=socket.gethostname(),
            opener=bridge_opener("setup", "", _TIMEOUT_S, environment, SystemMeter(environment.clock)),
            clock=environment.clock,
        ),
        clock=environment.clock,
    )


def trial(loaded: Loaded, environment: Environment) -> Trial:
    """What asks a source before anything of it is saved."""
    from adapters.runtime.stamina_retrier import StaminaRetrier

    retrier = StaminaRetrier(clock=environment.clock, journal=_journal(loaded, environment))
    return Trial(retrier=retrier, clock=environment.clock)


def bridge_on_trial(bridge: Bridge, loaded: Loaded, environment: Environment) -> Source:
    """The bridge as the home would read it, which remembers nothing and is looked for nowhere else."""
    from adapters.memory.spool import MemoryState
    from adapters.runtime.meter import SystemMeter

    hue = attrs.evolve(loaded.settings.collectors.hue, auto_discover=False)
    settings = attrs.evolve(loaded.settings, collectors=attrs.evolve(loaded.settings.collectors, hue=hue))
    journal = _journal(loaded, environment)
    return hue_source(
        "hue", bridge, settings, environment, MemoryState(), SystemMeter(environment.clock), journal
    )


def account_on_trial(loaded: Loaded, environment: Environment) -> Source:
    """Return the account as the home would read it, without any state."""
    from adapters.memory.spool import MemoryState
    from adapters.runtime.meter import SystemMeter

    journal = _journal(loaded, environment)
    return amazon_source(loaded, environment, MemoryState(), SystemMeter(environment.clock), journal)


def linking(loaded: Loaded, environment: Environment) -> tuple[Linking, AmazonSession]:
    """Return what signs in to the home's account, and its session, which the caller closes."""
    session = _amazon_session(environment)
    return Linking(account=_account(loaded, session, environment), clock=environment.clock), session


def sign_out(loaded: Loaded, environment: Environment) -> SignOut:
    """Return what signs out of the home's account."""
    from adapters.amazon.linking import SignOut
    from adapters.amazon.tokens import TokenEndpoint

    session = _amazon_session(environment)
    token = loaded.secrets.amazon_aqm.refresh_token
    endpoint = TokenEndpoint(
        session=session,
        hosts=amazon_hosts(loaded.settings),
        refresh_token=token.value if token else "",
        clock=environment.clock,
    )
    return SignOut(
        session=session,
        endpoint=endpoint,
        linking=_account(loaded, session, environment),
        clock=environment.clock,
    )


def check_writable(home: Path) -> None:
    """Raises HomeclimateError where the home's files could not be written."""
    from adapters.files.atomic_write import check_writable

    check_writable(home / "config")


def save(draft: Draft) -> None:
    """Write what is changed, both files or neither. Raises HomeclimateError, and then nothing is changed.

    The folder for the data is made too: from then on it is a sign of trouble that there is none.
    """
    from adapters.files.atomic_write import NewContent, save_together

    save_together(
        [
            NewContent(
                path=file.path,
                before=file.before,
                content=file.text.encode(),
                is_secret=file is draft.secrets,
            )
            for file in draft.changed_files
        ]
    )
    with suppress(OSError):  # the files are saved; whatever is in the way, the first cycle says it
        data_folder(draft.loaded.settings).mkdir(parents=True, exist_ok=True)


def forget_refusals(loaded: Loaded) -> None:
    """Have sources asked at their next slot that are deferred because they refused credentials."""
    from adapters.amazon.authorisation import forget_refusals
    from adapters.files.saved_state import SavedState
    from adapters.log.journals import StderrJournal
    from adapters.runtime.clock import SystemClock
    from domain.cycle import Cause
    from domain.services.source_backoff import SourceBackoff

    if state_file(loaded.settings).exists():
        sources = ("amazon", "hue", *(f"hue:{bridge.id}" for bridge in loaded.bridges))
        kept = state(loaded.settings, StderrJournal(str))
        SourceBackoff(state=SavedState(kept), clock=SystemClock()).reset(sources, Cause.CREDENTIALS)
        forget_refusals(kept)


def _journal(loaded: Loaded, environment: Environment) -> Journal:
    """On stderr alone: a home that is being set up gets no log yet."""
    from adapters.log.journals import StderrJournal
    from domain.redaction import Redactor

    return StderrJournal(
        Redactor(tuple(loaded.secrets.values())).redact, level=environment.stderr_level or Level.CRITICAL
    )


def _amazon_session(environment: Environment) -> AmazonSession:
    from adapters.amazon.http import AmazonSession
    from adapters.runtime.meter import SystemMeter

    return AmazonSession(
        source="setup",
        timeout_s=_TIMEOUT_S,
        roots=environment.amazon_roots,
        clock=environment.clock,
        meter=SystemMeter(environment.clock),
    )


def _account(loaded: Loaded, session: AmazonSession, environment: Environment) -> AmazonLinking:
    """Return the account; the home's state keeps the serial under which it is registered."""
    from adapters.amazon.linking import AmazonLinking

    return AmazonLinking(
        session=session,
        hosts=amazon_hosts(loaded.settings),
        state=state(loaded.settings, _journal(loaded, environment)),
        clock=environment.clock,
    )
