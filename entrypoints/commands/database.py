"""`homeclimate backup`, `restore` and `db`: copy, replace, check, salvage and renew the database."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from config.loading import load_to_read
from domain.errors import StoreError
from entrypoints import exit_codes
from entrypoints.commands.options import CommandGroup, home_option, json_option
from entrypoints.process import find_home
from entrypoints.terminal.output import as_json, print_message
from entrypoints.terminal.prompts import Prompts
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_as_found, home_of
from entrypoints.wiring.storage import (
    back_up,
    check,
    collectors,
    exclusive_access,
    rebuild_rollups,
    renewal,
    restoring,
    salvaging,
)

_FORMAT = 1  # of the JSON object: increased when a key is renamed or removed
_AFTER_DAMAGE = (
    "the file is damaged. Run homeclimate restore FILE with a backup: it keeps the damaged file. Then run "
    "homeclimate db salvage with the kept file, to merge what can still be read. Check the disk, too"
)
_AFTER_CHANGE = (
    "the disk or another program changed these values after they were stored. Compare them with a backup in "
    "data/backups, and check the disk. If you changed them on purpose, docs/reference/database.md shows how "
    "to accept them"
)


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@home_option
def backup(file: Path, home: Path | None) -> int:
    """Copy the database to FILE, which must not exist.

    The copy is verified before it gets its name; the collector may run. Exit code: 0 there is a sound copy,
    1 there is none, or some values in the database are not what was stored, 64 wrong usage, 78 wrong
    configuration.
    """
    target = file.absolute()
    if target.exists():
        raise click.UsageError(f"{target} exists already; name a new file")
    if not target.parent.is_dir():
        raise click.UsageError(f"{target.parent} is not a folder")
    copied = back_up(home_as_found(load_to_read(find_home(home))), target)
    print_message(f"{target}: {copied.size_bytes / 1e6:.1f} MB, verified")
    for finding in copied.findings:
        print_message(f"not what was stored, here and in the database: {finding}", err=True)
    return exit_codes.FAILED if copied.findings else 0


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@home_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def restore(environment: Environment | None, *, file: Path, home: Path | None, yes: bool) -> int:
    """Replace the database with a copy of FILE.

    FILE is checked first. The present database is kept under a name that contains the time. Stop the
    collector before; a collector that starts meanwhile is refused. Exit code: 0 restored, 1 nothing changed,
    64 wrong usage, 78 wrong configuration, or FILE is not a database of this kind of home.
    """
    loaded = load_to_read(find_home(home))
    prompts = Prompts()
    if not (yes or prompts.is_interactive):
        raise click.UsageError("there is no terminal to ask at; add --yes to restore without a question")
    return restore_backup(file.absolute(), home_as_found(loaded, environment), None if yes else prompts)


def restore_backup(backup_file: Path, home: Home, prompts: Prompts | None) -> int:
    """Check the backup, ask, and replace the database while no collector can start; return the exit code."""
    if held := collectors(home.files):
        raise StoreError(f"a collector holds {', '.join(held)}. Stop it, then restore; nothing is changed")
    path = home.files.database
    restorer = restoring(home)
    for finding in restorer.check(backup_file):
        print_message(f"not what was stored: {finding}", err=True)
    question = f"Replace {path} with {backup_file} ({restorer.describe_contents(backup_file)})?"
    if prompts is not None and not prompts.confirm(question, default=False):
        print_message("nothing is changed")
        return 1
    # Lock only now: a person may take a long time to answer.
    with exclusive_access(home, doing="restoring a backup"):
        kept = restorer.restore(backup_file)
    print_message(f"{path}{_kind(home)} holds {restorer.describe_contents(path)}")
    if kept is not None:
        print_message(f"the former database is kept as {kept}")
    return 0


def _kind(home: Home) -> str:
    return ", of a simulated home," if home.environment.is_simulated else ""


@click.group("db", cls=CommandGroup)
def db() -> None:
    """Check the database, save what a damaged one still holds, or go on without a missing one."""


@db.command("check")
@home_option
@json_option
@click.pass_obj
def check_command(environment: Environment | None, *, home: Path | None, is_json: bool) -> int:
    """Check the file, and every value against its checksum. Changes nothing; the collector may run.

    Takes some 20 s for a million readings. Exit code: 0 sound, 1 damaged or unreadable, 64 wrong usage, 78
    wrong configuration, or another program or a newer version wrote the file.
    """
    checked_home = home_as_found(load_to_read(find_home(home)), environment)
    found = check(checked_home)
    is_structural = any(finding.is_structural for finding in found)
    next_step = _AFTER_DAMAGE if is_structural else _AFTER_CHANGE
    if is_json:
        report = {
            "format": _FORMAT,
            "path": str(checked_home.files.database),
            "sound": not found,
            **({"simulated": True} if checked_home.environment.is_simulated else {}),
            "findings": [
                {"table": finding.table, "where": finding.where, "what": finding.what} for finding in found
            ],
            "next": next_step if found else None,
        }
        print_message(as_json(report))
        return int(bool(found))
    if not found:
        print_message(f"{checked_home.files.database}{_kind(checked_home)} is sound")
        return 0
    for finding in found:
        print_message(str(finding))
    print_message(f"next: {next_step}", err=True)
    return 1


@db.command("rebuild-rollups")
@home_option
@click.pass_obj
def rebuild_rollups_command(environment: Environment | None, *, home: Path | None) -> int:
    """Sum up all readings by hour and day again, for charts of more than a week.

    The daily upkeep does so by itself when it finds that rows are missing or were added out of turn. Needed
    after somebody has changed values by hand. Readings are not changed, and the collector may run; until the
    end, charts show the present sums. Exit code: 0 done, 1 not done, 64 wrong usage, 78 wrong configuration.
    """
    rebuilt_home = home_as_found(load_to_read(find_home(home)), environment)
    if sys.stderr.isatty():
        with click.progressbar(length=1, file=sys.stderr, label="readings") as bar:

            def show(done: int, newest: int) -> None:
                bar.length = newest
                bar.update(done - bar.pos)

            counted = rebuild_rollups(rebuilt_home, show)
    else:
        counted = rebuild_rollups(rebuilt_home)
    print_message(f"{rebuilt_home.files.database}: {counted:,} readings are summed up by hour and day")
    return 0


@db.command("salvage")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@home_option
@click.pass_obj
def salvage_command(environment: Environment | None, *, file: Path, home: Path | None) -> int:
    """Merge everything that can still be read in FILE, damaged or not, into the home's database.

    FILE is not changed, rows that are stored already stay, and the collector may run. A second run changes
    nothing. Exit code: 0 done, 1 not done, 64 wrong usage, 78 wrong configuration, or FILE is not a database
    of this kind of home.
    """
    merging_home = home_as_found(load_to_read(find_home(home)), environment)
    path = merging_home.files.database
    if path.exists() and file.samefile(path):
        raise StoreError(
            f"{file} is the database itself. Replace it with a backup first (homeclimate restore FILE keeps "
            "it under another name), then name the kept file"
        )
    salvaged = salvaging(merging_home).merge(file.absolute())
    print_message(
        f"{salvaged.read} readings could be read in {file}; {salvaged.merged} of them were missing in {path} "
        f"and have been added; at least {salvaged.lost} more are lost"
    )
    for finding in salvaged.doubtful:
        print_message(f"merged, but check it: {finding}")
    for finding in salvaged.left_out:
        print_message(f"left out: {finding}")
    if not salvaged.read:
        print_message(f"no reading could be read: is {file} a database of this program?", err=True)
        return 1
    return 0


@db.command("accept")
@home_option
@click.pass_obj
def accept_command(environment: Environment | None, *, home: Path | None) -> int:
    """Accept that the home's database is lost, and go on with the one that is there.

    Says what was missing. Rows of the newest sound backup stay, or are still merged; what came after it is
    lost. A database of another home becomes this home's. The collector may run. Exit code: 0 accepted, or
    nothing is missing; 1 not done, 64 wrong usage, 78 wrong configuration, or the file there is not a
    database of this kind of home.
    """
    losing_home = home_of(load_to_read(find_home(home)), environment)
    accepted = renewal(losing_home).accept()
    path = losing_home.files.database
    if accepted is None:
        print_message(f"no database is missing; nothing is changed ({path})")
    else:
        print_message(f"accepted: {accepted}. {path} is this home's database from now on")
    return 0


@db.command("new")
@home_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def new_command(environment: Environment | None, *, home: Path | None, yes: bool) -> int:
    """Begin again with an empty database; the present one and all backups are kept.

    Stop the collector before; a collector that starts meanwhile is refused. Exit code: 0 done, 1 nothing
    changed, 64 wrong usage, 78 wrong configuration.
    """
    prompts = Prompts()
    if not (yes or prompts.is_interactive):
        raise click.UsageError("there is no terminal to ask at; add --yes to begin again without a question")
    renewed_home = home_of(load_to_read(find_home(home)), environment)
    if held := collectors(renewed_home.files):
        raise StoreError(
            f"a collector holds {', '.join(held)}. Stop it, then begin again; nothing is changed"
        )
    path = renewed_home.files.database
    if not yes and not prompts.confirm(f"Begin again with an empty {path}?", default=False):
        print_message("nothing is changed")
        return 1
    with exclusive_access(renewed_home, doing="beginning a new database"):
        kept = renewal(renewed_home).begin_again()
    print_message(f"{path} is new and empty")
    if kept is not None:
        print_message(f"the former database is kept as {kept}")
    return 0
