"""The talk in which an Amazon account is signed in to, and its monitors are found."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import attrs
import click

from config.bridge_changes import Changes
from config.collector_settings import HueSettings
from config.draft import Draft
from config.editing import Change
from config.forms import AMAZON_DOMAIN
from domain.cycle import SourceReply
from domain.errors import CredentialsRefused, SourceError
from entrypoints.commands.setup_steps import set_up
from entrypoints.terminal.prompts import Person
from entrypoints.terminal.reply_text import rooms
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.setup import account_on_trial, linking, sign_out, trial
from ports.setup import Refused

_PLACEHOLDER = "Atnr|" + "0" * 40  # shows whether a token could be written
_AQM = ("collectors", "amazon_aqm")


@attrs.frozen(kw_only=True)
class Request:
    """What the command line asks for. `is_anew`: whatever the home has, sign in again."""

    home: Path
    domain: str | None = None
    is_imported: bool = False
    is_sign_out: bool = False
    is_anew: bool = False


def run(request: Request, environment: Environment, person: Person) -> int:
    """Do what the request says in that world; the exit code."""
    domain = _normalised(request.domain)

    def talk(draft: Draft) -> Draft | None:
        with asyncio.Runner() as runner:
            talking = _Talk(request=request, environment=environment, person=person, runner=runner)
            if request.is_sign_out:
                return talking.signed_out(draft)
            return talking.signed_in(draft.with_changes(Changes(config=_config(draft, domain))))

    return set_up(request.home, person, talk, is_to_collect=not request.is_sign_out)


@attrs.frozen(kw_only=True)
class _Talk:
    request: Request
    environment: Environment
    person: Person
    runner: asyncio.Runner

    def signed_in(self, draft: Draft) -> Draft | None:
        """The home with a token that works; None when it came to nothing, of which the person was told."""
        if not self.request.is_imported and not self.request.is_anew and self._is_kept(draft):
            return draft
        _with_token(draft, _PLACEHOLDER)  # could it be written at all? before anybody signs in
        token = _imported(self.person) if self.request.is_imported else self._linked(draft)
        if token is None:
            return None
        drafted = _with_token(draft, token)
        try:
            self._show(self._trial(drafted))
        except SourceError:
            self.person.warn("The monitors could not be read with this token; nothing is changed.")
            raise
        return drafted

    def signed_out(self, draft: Draft) -> Draft | None:
        """The home without the token."""
        if draft.loaded.secrets.amazon_aqm.refresh_token is None:
            self.person.warn("This home has no refresh token: it is not signed in.")
            return None
        try:
            self.runner.run(sign_out(draft.loaded, self.environment).run())
        except CredentialsRefused as error:
            self.person.warn(f"{error}: it was signed out already.")
        self.person.tell("Signed out; the token is forgotten.")
        is_over = not draft.loaded.secrets.amazon_aqm.cookies
        enabled = Change((*_AQM, "enabled"), False)
        return draft.with_changes(
            Changes(
                config=(enabled,) if is_over and draft.loaded.settings.collectors.amazon_aqm.enabled else (),
                secrets=(Change(("amazon_aqm", "refresh_token"), ""),),
            )
        )

    def _is_kept(self, draft: Draft) -> bool:
        """Whether the home is signed in already, and the person leaves it at that."""
        if draft.loaded.secrets.amazon_aqm.refresh_token is None:
            return False
        try:
            reply = self._trial(draft)
        except SourceError as error:
            self.person.tell(f"The token that this home has does not work: {error}.")
            return False
        self.person.tell("This home is signed in, and its token works.")
        if not self.person.agrees("Leave it so?", default=True):
            return False
        self._show(reply)
        return True

    def _linked(self, draft: Draft) -> str | None:
        service, session = linking(draft.loaded, self.environment)
        try:
            pair = self.runner.run(service.account.begin())
            self.person.tell(f"On any device, open {pair.page} and sign in there; then type this code:")
            self.person.tell(f"\n    {pair.public_code}\n")
            with self.person.counting_down("Waiting for the code to be typed.") as tell_left_s:
                outcome = self.runner.run(service.outcome(pair, tell_left_s))
        finally:
            self.runner.run(session.close())
        if isinstance(outcome, Refused):
            self.person.warn(f"Not signed in: {outcome.reason}; nothing is changed. Run this again.")
            return None
        self.person.tell("Signed in.")
        return outcome.refresh_token

    def _trial(self, draft: Draft) -> SourceReply:
        return self.runner.run(
            trial(draft.loaded, self.environment).of(account_on_trial(draft.loaded, self.environment))
        )

    def _show(self, reply: SourceReply) -> None:
        count = len(reply.readings) + len(reply.unread)
        self.person.tell(f"The account has {count} air quality monitor{'' if count == 1 else 's'}:")
        for line in rooms(reply):
            self.person.tell(line)
        if not count:
            self.person.warn("If it should have one: is it an account of another country (--domain)?")


def _config(draft: Draft, domain: str | None) -> tuple[Change, ...]:
    """What lets the home collect from the account; a home that has no bridge yet is to ask none."""
    collectors = draft.loaded.settings.collectors
    changes = [] if collectors.amazon_aqm.enabled else [Change((*_AQM, "enabled"), True)]
    if domain is not None and domain != collectors.amazon_aqm.domain:
        changes.append(Change((*_AQM, "domain"), domain))
    has_key = any(bridge.api_key for bridge in draft.loaded.bridges)
    if collectors.hue == HueSettings() and not has_key:
        changes.append(Change(("collectors", "hue", "enabled"), False))
    return tuple(changes)


def _with_token(draft: Draft, token: str) -> Draft:
    return draft.with_changes(Changes(secrets=(Change(("amazon_aqm", "refresh_token"), token),)))


def _imported(person: Person) -> str | None:
    """The token that comes on stdin; a person who types it does not see it."""
    token = click.prompt("Refresh token", hide_input=True) if person.can_answer else sys.stdin.readline()
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        person.warn("There is no refresh token on stdin: it is one line, and begins with Atnr|.")
        return None
    return str(token)


def _normalised(domain: str | None) -> str | None:
    try:
        return None if domain is None else AMAZON_DOMAIN.normalised(domain)
    except ValueError as error:
        raise click.BadParameter(f"must be {AMAZON_DOMAIN.due}", param_hint="--domain") from error
