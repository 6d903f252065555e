"""`homeclimate restore`: a backup takes the place of the database, which is kept."""

from __future__ import annotations

from pathlib import Path

import click

from config.loading import Loaded, load
from domain.errors import StoreError
from entrypoints.process import find_home
from entrypoints.terminal.prompts import Person
from entrypoints.wiring.environment import World
from entrypoints.wiring.storage import collectors, nobody_else, restoring


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where config/, data/ and logs/ stand.  [env: HOMECLIMATE_HOME]",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def command(world: World | None, *, file: Path, home: Path | None, yes: bool) -> int:
    """Let a copy of FILE take the place of the database.

    FILE is checked first, and stays. The present database is kept beside it, under a name that says when.
    Stop the collector before; one that starts meanwhile is refused. Exit code: 0 restored, 1 nothing
    changed, 64 wrong usage, 78 wrong configuration, or a FILE of another home's kind.
    """
    loaded = load(find_home(home))
    person = Person()
    if not (yes or person.can_answer):
        raise click.UsageError("nobody can be asked here; say --yes if it shall be done")
    return restored(file.absolute(), loaded, world or World(), None if yes else person)


def restored(backup: Path, loaded: Loaded, world: World, asked: Person | None) -> int:
    """Check, ask, and put it there while no collector can start; the exit code."""
    settings = loaded.settings
    if held := collectors(settings):
        raise StoreError(f"a collector holds {', '.join(held)}. Stop it, then restore; nothing is changed")
    path = settings.storage.database_path
    restorer = restoring(settings, world)
    for finding in restorer.check(backup):
        click.echo(f"not what was stored: {finding}", err=True)
    question = f"Put {backup} ({restorer.describe_contents(backup)}) in the place of {path}?"
    if asked is not None and not asked.agrees(question, default=False):
        click.echo("nothing is changed")
        return 1
    with nobody_else(loaded, doing="restoring a backup"):  # only now: people may take their time to answer
        kept = restorer.restore(backup)
    click.echo(f"{path} holds {restorer.describe_contents(path)}")
    if kept is not None:
        click.echo(f"what was there before is kept as {kept}")
    return 0
