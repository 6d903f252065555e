"""The dialogue that signs in to an Amazon account and finds its monitors."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import attrs
import click

from config.documents.editing import Change
from config.draft import Changes, Draft
from config.refresh_token import refresh_token
from config.setting_types import AMAZON_DOMAIN
from config.settings import HueSettings
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused, SourceError
from entrypoints.commands.setup.steps import set_up, show_devices
from entrypoints.terminal.prompts import Prompts
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.setup import account_on_trial, forget_account, linking, sign_out, trial
from ports.setup import Refused

_MOST_PASTED = 100_000  # characters; a token has some hundred
_PLACEHOLDER_TOKEN = "Atnr|" + "0" * 40  # to check that a token could be saved
_SECTION = ("collectors", "amazon_aqm")


@attrs.frozen(kw_only=True)
class Request:
    """What the command line asks for. `replaces_token` signs in again even when the token works."""

    home: Path
    domain: str | None = None
    is_imported: bool = False
    is_sign_out: bool = False
    replaces_token: bool = False


def run(request: Request, environment: Environment, prompts: Prompts) -> int:
    """Run the dialogue; return the exit code."""
    domain = _normalise_domain(request.domain)

    def dialogue(draft: Draft) -> Draft | None:
        with asyncio.Runner() as runner:
            steps = _Dialogue(request=request, environment=environment, prompts=prompts, runner=runner)
            if request.is_sign_out:
                return steps.sign_out(draft)
            return steps.sign_in(draft.with_changes(Changes(config=_enable_account(draft, domain))))

    if request.is_sign_out:
        return set_up(request.home, prompts, dialogue, is_collecting_next=False, forget=forget_account)
    return set_up(request.home, prompts, dialogue)


@attrs.frozen(kw_only=True)
class _Dialogue:
    request: Request
    environment: Environment
    prompts: Prompts
    runner: asyncio.Runner

    def sign_in(self, draft: Draft) -> Draft | None:
        """Return the draft with a token that works, or None after a message."""
        keeps_token = not (self.request.is_imported or self.request.replaces_token)
        if keeps_token and self._confirm_present_token(draft):
            return draft
        _with_token(draft, _PLACEHOLDER_TOKEN)  # fail before the person signs in, not after
        token = _read_token(self.prompts) if self.request.is_imported else self._link_account(draft)
        if token is None:
            return None
        result = _with_token(draft, token)
        try:
            self._show_monitors(self._try_account(result))
        except SourceError:
            self.prompts.warn("The monitors could not be read with this token; nothing is changed.")
            raise
        return result

    def sign_out(self, draft: Draft) -> Draft | None:
        """Return the draft without the token, or None when the home is not signed in."""
        token = draft.loaded.secrets.amazon_aqm.refresh_token
        if token is None:
            self.prompts.warn("This home has no refresh token: it is not signed in.")
            return None
        if token.problem:
            self.prompts.warn(f"{token.problem}. Amazon is not asked.")
        else:
            try:
                self.runner.run(sign_out(draft.loaded, self.environment).run())
            except CredentialsRefused as error:
                self.prompts.warn(f"{error}: it was signed out already.")
        self.prompts.show("Signed out; the token is forgotten.")
        has_cookies = bool(draft.loaded.secrets.amazon_aqm.cookies)
        is_enabled = draft.loaded.settings.collectors.amazon_aqm.enabled
        disable = (Change((*_SECTION, "enabled"), False),)
        return draft.with_changes(
            Changes(
                config=disable if is_enabled and not has_cookies else (),
                secrets=(Change(("amazon_aqm", "refresh_token"), ""),),
            )
        )

    def _confirm_present_token(self, draft: Draft) -> bool:
        """Return whether the home's token works and the person keeps it."""
        if draft.loaded.secrets.amazon_aqm.refresh_token is None:
            return False
        try:
            reply = self._try_account(draft)
        except SourceError as error:
            self.prompts.show(f"The token of this home does not work: {error}.")
            return False
        self.prompts.show("This home is signed in, and its token works.")
        if not self.prompts.confirm("Keep it?", default=True):
            return False
        self._show_monitors(reply)
        return True

    def _link_account(self, draft: Draft) -> str | None:
        """Return a new refresh token, or None after a message."""
        service, session = linking(draft.loaded, self.environment)
        try:
            pair = self.runner.run(service.account.begin())
            self.prompts.show(f"On any device, open {pair.page} and sign in there; then type this code:")
            self.prompts.show("", f"    {pair.public_code}", "")
            with self.prompts.countdown("Waiting for the code to be typed.") as show_left_s:
                outcome = self.runner.run(service.outcome(pair, show_left_s))
        finally:
            self.runner.run(session.close())
        if isinstance(outcome, Refused):
            self.prompts.warn(f"Not signed in: {outcome.reason}; nothing is changed. Run this again.")
            return None
        self.prompts.show("Signed in.")
        return outcome.refresh_token

    def _try_account(self, draft: Draft) -> SourceReply:
        account = account_on_trial(draft.loaded, self.environment)
        return self.runner.run(trial(draft.loaded, self.environment).of(account))

    def _show_monitors(self, reply: SourceReply) -> None:
        show_devices(
            self.prompts,
            reply,
            found="The account has",
            kinds={"alexa:": "air quality monitor", "nest:": "Nest thermostat"},
            if_none="If there should be one: is it an account of another country (--domain)?",
        )


def _enable_account(draft: Draft, domain: str | None) -> tuple[Change, ...]:
    """Return the changes that enable the account; a home without a bridge stops asking for one."""
    collectors = draft.loaded.settings.collectors
    changes = [] if collectors.amazon_aqm.enabled else [Change((*_SECTION, "enabled"), True)]
    if domain is not None and domain != collectors.amazon_aqm.domain:
        changes.append(Change((*_SECTION, "domain"), domain))
    has_key = any(bridge.api_key for bridge in draft.loaded.bridges)
    if collectors.hue == HueSettings() and not has_key:
        changes.append(Change(("collectors", "hue", "enabled"), False))
    return tuple(changes)


def _with_token(draft: Draft, token: str) -> Draft:
    return draft.with_changes(Changes(secrets=(Change(("amazon_aqm", "refresh_token"), token),)))


def _read_token(prompts: Prompts) -> str | None:
    """Read the token from stdin; it is not echoed at a terminal. Return None after a message."""
    is_typed = prompts.is_interactive
    try:
        pasted = prompts.paste("Refresh token") if is_typed else sys.stdin.read(_MOST_PASTED)
    except UnicodeDecodeError:
        pasted = "\ufffd"  # a file in another encoding
    token = refresh_token(pasted)
    if token.problem:
        prompts.warn(f"{token.problem}. Nothing is sent, and nothing is changed.")
        return None
    if token.repairs:
        prompts.show(f"The token is taken without the {' and the '.join(token.repairs)}.")
    return token.value


def _normalise_domain(domain: str | None) -> str | None:
    try:
        return None if domain is None else AMAZON_DOMAIN(domain)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--domain") from error
