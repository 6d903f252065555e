"""Build what sets up a home."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from adapters.files import atomic_write
from adapters.files.atomic_write import NewContent, save_together
from adapters.files.regular_file import make_folder
from adapters.memory.state import MemoryState
from adapters.runtime.meter import SystemMeter
from adapters.runtime.stamina_retrier import StaminaRetrier
from config.bridges import Bridge
from config.draft import Draft
from config.loading import Loaded
from config.source_names import AMAZON, names_at_any_time
from domain.backoff import SourceFailures
from domain.cycle import Cause
from domain.services.source_backoff import SourceBackoff
from domain.services.source_setup import Linking, Pairing, Trial
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_of
from entrypoints.wiring.sources import (
    amazon_credentials,
    amazon_hosts,
    amazon_session,
    amazon_source,
    bridge_opener,
    hue_source,
)
from ports.journal import Level
from ports.source import Source

if TYPE_CHECKING:
    from adapters.amazon.http import AmazonSession
    from adapters.amazon.linking import AmazonLinking, SignOut

_TIMEOUT_S = 8.0
_NAME = "setup"  # in the place of a source's name


def pairing(environment: Environment) -> Pairing:
    """Return what pairs with a bridge."""
    from adapters.hue.pairing import HuePairing
    from adapters.hue.tls import SIGNIFY_ROOTS

    meter = SystemMeter(environment.clock)
    bridges = HuePairing(
        roots=environment.hue_roots or SIGNIFY_ROOTS,
        host=socket.gethostname(),
        opener=bridge_opener(_NAME, "", timeout_s=_TIMEOUT_S, environment=environment, meter=meter),
        clock=environment.clock,
    )
    return Pairing(bridges=bridges, clock=environment.clock)


def had_https(bridge_id: str, loaded: Loaded, environment: Environment) -> bool:
    """Return whether the home read this bridge over HTTPS before, or pins its certificate."""
    from adapters.hue.connecting import BridgeMemory

    if any(bridge.id == bridge_id and bridge.certificate_sha256 for bridge in loaded.bridges):
        return True
    return BridgeMemory(_home(loaded, environment).state).had_https(bridge_id)


def trial(loaded: Loaded, environment: Environment) -> Trial:
    """Return what asks a source before its settings are saved."""
    home = _home(loaded, environment)
    return Trial(retrier=StaminaRetrier(clock=home.clock, journal=home.journal), clock=home.clock)


def bridge_on_trial(bridge: Bridge, loaded: Loaded, environment: Environment) -> Source:
    """Return the bridge as the home would read it, without state and discovery."""
    home = attrs.evolve(_home(loaded, environment), state=MemoryState())
    return hue_source(home, "hue", bridge, SystemMeter(home.clock), is_on_trial=True)


def account_on_trial(loaded: Loaded, environment: Environment) -> Source:
    """Return the account as the home would read it, without state."""
    home = attrs.evolve(_home(loaded, environment), state=MemoryState())
    return amazon_source(home, SystemMeter(home.clock), is_trial=True)


def linking(loaded: Loaded, environment: Environment) -> tuple[Linking, AmazonSession]:
    """Return what signs in to the home's account, and its session, which the caller closes."""
    home = _home(loaded, environment)
    session = _session(home)
    return Linking(account=_account(home, session), clock=home.clock), session


def sign_out(loaded: Loaded, environment: Environment) -> SignOut:
    """Return what signs out of the home's account."""
    from adapters.amazon.linking import SignOut
    from adapters.amazon.tokens import TokenEndpoint

    home = _home(loaded, environment)
    session, token = _session(home), home.secrets.amazon_aqm.refresh_token
    endpoint = TokenEndpoint(
        session=session,
        hosts=amazon_hosts(home.settings),
        refresh_token=token.value if token else "",
        clock=home.clock,
    )
    return SignOut(session=session, endpoint=endpoint, linking=_account(home, session), clock=home.clock)


def check_writable(home: Path) -> None:
    """Raise HomeclimateError if the home's files cannot be written."""
    atomic_write.check_writable(home / "config")


def save(draft: Draft) -> None:
    """Write the changed files, both or neither. Raise HomeclimateError if nothing is changed.

    Create the data folder of a new home too: from then on its absence is an error.
    """
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
    with suppress(OSError):  # the files are saved; the first cycle reports what is wrong with the folder
        home = home_of(draft.loaded)
        if not home.data.is_away():
            make_folder(home.files.folder)


def forget_refusals(loaded: Loaded) -> None:
    """Have sources asked at their next slot that are paused because they refused credentials.

    Forget too what belongs to another account than the one that was just tested.
    """
    from adapters.amazon.account_memory import forget_refusals
    from adapters.amazon.authorisation import mark_of_credentials

    home = home_of(loaded)
    if home.files.state.exists():
        backoff = SourceBackoff(state=home.saved_state, clock=home.clock)
        backoff.reset(names_at_any_time(loaded), Cause.CREDENTIALS)
        forget_refusals(home.state, mark_of_credentials(*amazon_credentials(home.secrets)))


def forget_account(loaded: Loaded) -> None:
    """Forget everything that the state holds of the Amazon account, and its incidents."""
    from adapters.amazon.account_memory import forget_account

    home = home_of(loaded)
    if home.files.state.exists():
        forget_account(home.state)
        saved = home.saved_state
        saved.save_failures(AMAZON, SourceFailures())
        incidents = saved.incidents()
        others = {key: one for key, one in incidents.items() if AMAZON not in (one.subject, one.source)}
        if others != incidents:
            saved.save_incidents(others)


def _home(loaded: Loaded, environment: Environment) -> Home:
    return home_of(loaded, environment, level=environment.stderr_level or Level.CRITICAL)


def _session(home: Home) -> AmazonSession:
    meter = SystemMeter(home.clock)
    return amazon_session(_NAME, timeout_s=_TIMEOUT_S, environment=home.environment, meter=meter)


def _account(home: Home, session: AmazonSession) -> AmazonLinking:
    """Return the account; the home's state keeps the serial under which it is registered."""
    from adapters.amazon.linking import AmazonLinking

    return AmazonLinking(
        session=session, hosts=amazon_hosts(home.settings), state=home.state, clock=home.clock
    )
