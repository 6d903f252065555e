"""What setting up any source begins and ends with."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from config.draft import Draft, draft_of
from entrypoints.process import find_home, program_name
from entrypoints.terminal.prompts import Person
from entrypoints.wiring.setup import check_writable, save


def set_up(
    home: Path, person: Person, talk: Callable[[Draft], Draft | None], *, is_to_collect: bool = True
) -> int:
    """Hold the talk over the home as it stands, and save what it comes to; the exit code.

    The talk returns None when it came to nothing, of which the person was told. Until it has ended nothing is
    written; Ctrl-C in it leaves everything as it was, and says so.
    """
    try:
        draft = draft_of(home)
        for warning in draft.loaded.warnings:  # what each key of an earlier system became
            person.warn(f"warning: {warning}")
        check_writable(home)
        draft_to_save = talk(draft)
    except (KeyboardInterrupt, click.Abort):
        person.warn("\nstopped; nothing is changed")
        raise click.Abort from None
    if draft_to_save is None:
        return 1
    _save(draft_to_save, person)
    if is_to_collect:
        person.tell(f"Next: {next_command(home)}")
    return 0


def next_command(home: Path, environment: Mapping[str, str] = os.environ) -> str:
    """What to type for the first cycle, the way the program was started, from where it was started."""
    named = "" if find_home(None, environment) == home else f" --home {shlex.quote(str(home))}"
    return f"{program_name(environment)} collect --once{named}"


def _save(draft: Draft, person: Person) -> None:
    changed = draft.changed_files
    if changed:
        save(draft)
    names = " and ".join(str(file.path) for file in changed)
    person.tell(f"Saved {names}." if changed else "Everything stands as it should; nothing is changed.")
