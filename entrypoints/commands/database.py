"""`homeclimate backup`: a verified copy of the database, made while the collector runs."""

from __future__ import annotations

from pathlib import Path

import click

from config.loading import load
from entrypoints import exit_codes
from entrypoints.process import find_home
from entrypoints.wiring.storage import back_up


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where config/, data/ and logs/ stand.  [env: HOMECLIMATE_HOME]",
)
def command(file: Path, home: Path | None) -> int:
    """Copy the database to FILE, which must not be there yet.

    The copy is checked before it gets its name. The collector goes on meanwhile. Exit code: 0 there is a
    sound copy, 1 there is none, or some values in the database are not what was stored, 64 wrong usage,
    78 wrong configuration.
    """
    target = file.absolute()
    if target.exists():
        raise click.UsageError(f"{target} is there already; a backup takes nothing's place")
    if not target.parent.is_dir():
        raise click.UsageError(f"{target.parent} is no folder")
    copied = back_up(load(find_home(home)).settings, target)
    click.echo(f"{target}: {copied.size_bytes / 1e6:.1f} MB, checked")
    for finding in copied.findings:
        click.echo(f"not what was stored, here and in the database: {finding}", err=True)
    return exit_codes.FAILED if copied.findings else 0
