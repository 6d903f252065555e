"""`homeclimate db`: is the database sound, and what can be saved when it is not."""

from __future__ import annotations

import json
from pathlib import Path

import click

from config.loading import load
from domain.errors import StoreError
from entrypoints.process import find_home
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.storage import check, salvaging

_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where config/, data/ and logs/ stand.  [env: HOMECLIMATE_HOME]",
)

_STRUCTURAL = (
    "the file is damaged. homeclimate restore FILE puts a backup in its place and keeps it; then "
    "homeclimate db salvage FILE, with the kept one, merges what else can be read. Look at the disk, too"
)
_CHANGED = (
    "these values are not what was stored: the disk or another program has changed them. Compare with a "
    "backup in data/backups, and look at the disk. If it was you, see docs/reference/database.md on how to "
    "say so"
)


@click.group()
def command() -> None:
    """Check the database, or save what a damaged one still holds."""


@command.command("check")
@_home
@click.option("--json", "is_json", is_flag=True, help="One JSON object, for scripts.")
@click.pass_obj
def check_command(environment: Environment | None, *, home: Path | None, is_json: bool) -> int:
    """Check the file, and every value against its checksum. Changes nothing; the collector may run.

    Takes some 20 s for a million readings. Exit code: 0 sound, 1 damaged, or it cannot be told, 64 wrong
    usage, 78 wrong configuration, or the file is not one of this home's kind.
    """
    settings = load(find_home(home)).settings
    found = check(settings, environment or Environment())
    is_structural = any(finding.is_structural for finding in found)
    next_step = _STRUCTURAL if is_structural else _CHANGED
    if is_json:
        told = {
            "path": str(settings.storage.database_path),
            "sound": not found,
            "findings": [
                {"table": finding.table, "where": finding.where, "what": finding.what} for finding in found
            ],
            "next": next_step if found else None,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return int(bool(found))
    if not found:
        click.echo(f"{settings.storage.database_path} is sound")
        return 0
    for finding in found:
        click.echo(str(finding))
    click.echo(f"next: {next_step}", err=True)
    return 1


@command.command("salvage")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_home
@click.pass_obj
def salvage_command(environment: Environment | None, *, file: Path, home: Path | None) -> int:
    """Merge whatever can still be read in FILE, damaged or not, into the database of the home.

    FILE stays as it is, what is there already stays too, and the collector may run. A second time changes
    nothing. Exit code: 0 done, 1 not, 64 wrong usage, 78 wrong configuration, or a FILE of another home's
    kind.
    """
    settings = load(find_home(home)).settings
    path = settings.storage.database_path
    if path.exists() and file.samefile(path):
        raise StoreError(
            f"{file} is the database itself. Put a backup in its place by homeclimate restore FILE, which "
            "keeps the damaged one under another name; then name that"
        )
    salvaged = salvaging(settings, environment or Environment()).merge(file.absolute())
    click.echo(
        f"{salvaged.read} readings could be read in {file}; {salvaged.merged} of them were not in {path} "
        f"and are now; {salvaged.lost} more are known to have been there"
    )
    for finding in salvaged.doubtful:
        click.echo(f"merged, but look at them: {finding}")
    for finding in salvaged.left_out:
        click.echo(f"left out: {finding}")
    if not salvaged.read:
        click.echo(f"nothing could be read: is {file} a database of this program at all?", err=True)
        return 1
    return 0
