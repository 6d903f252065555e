"""The commands by their names: runs one, and turns every failure into words and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from domain.errors import HomeclimateError, SettingsError, SourceHeld, StoreRefused
from entrypoints import exit_codes
from entrypoints.starting import unswept
from entrypoints.version import __version__

if TYPE_CHECKING:
    from entrypoints.world import World

# Command and the line that `--help` shows for it: modules are imported only when they are run.
_COMMANDS = {
    "baseline": "Keep what the cycles cost, by name, and tell what has changed since.",
    "backup": "Copy the database to a file, verified, while the collector runs.",
    "collect": "Collect readings: continuously, once, or a number of times.",
    "db": "Check the database, or save what a damaged one still holds.",
    "health": "Tell whether this deployment is ready, component by component.",
    "demo": "Show it all on a simulated home: a week backfilled, then live.",
    "restore": "Put a backup in the place of the database, and keep that.",
    "setup": "Connect a Hue bridge, or Amazon's monitors (setup amazon).",
    "status": "Tell the newest values, the last cycles, and what goes wrong.",
    "simulator": "Run the simulated home alone, for other clients.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click asks so
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        with unswept():
            command = importlib.import_module(f"entrypoints.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="homeclimate")
def homeclimate() -> None:
    """Record the temperature and air quality of a home, and account for every reading."""


def run(arguments: list[str], world: World | None) -> int:
    """Run the command line; the exit code. Nothing that a person can cause ends in a traceback."""
    try:
        returned = homeclimate.main(args=arguments, prog_name="homeclimate", standalone_mode=False, obj=world)
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show(file=sys.stderr)
        return exit_codes.USAGE
    except OSError as error:
        with suppress(OSError):  # stderr may be what is full
            click.echo(f"homeclimate: {error}; look at the disk, and at who owns the folder", err=True)
        _forget_stdout()
        return exit_codes.FAILED
    except HomeclimateError as error:
        click.echo(f"homeclimate: {error}", err=True)
        return _code_of(error)
    return returned if isinstance(returned, int) else 0


def _forget_stdout() -> None:
    """Whatever is still in its buffer cannot be written, and Python would complain of that at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _code_of(error: HomeclimateError) -> int:
    match error:
        case SettingsError() | StoreRefused():
            return exit_codes.CONFIGURATION
        case SourceHeld():
            return exit_codes.HELD
        case _:
            return exit_codes.FAILED
