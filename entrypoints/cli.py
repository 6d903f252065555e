"""The `homeclimate` command line: one subcommand a module of `entrypoints/commands/`."""

from __future__ import annotations

import importlib
import re
import sys
from contextlib import suppress
from typing import Any

import click

from domain.errors import HomeclimateError, SettingsError, SourceLocked, StoreRefused
from entrypoints import exit_codes
from entrypoints.process import prepare_streams, prepare_time_zone, program_name
from entrypoints.system_limits import check_limits, explain
from entrypoints.terminal.output import discard_stdout, print_message, show_usage_error
from entrypoints.version import __version__
from entrypoints.wiring.environment import Environment

# Name, module:attribute and the line that `--help` shows. A module is imported only when its command is run.
_COMMANDS = {
    "baseline": ("baseline:command", "Keep performance figures by name, and compare them later."),
    "backup": ("database:backup", "Copy the database to a verified file while the collector runs."),
    "collect": ("collect:command", "Collect readings: continuously, once, or a number of times."),
    "coverage": ("stored_data.coverage:command", "Show how complete the readings are, and each gap."),
    "dashboard": ("stored_data.dashboard:command", "Show the stored readings as a page in the browser."),
    "db": ("database:db", "Check the database, save what a damaged one holds, or accept its loss."),
    "devices": ("stored_data.devices:command", "List the devices; name, adjust or ignore one of them."),
    "export": ("stored_data.export:command", "Write the stored readings as CSV, JSON lines or Parquet."),
    "health": ("health:command", "Check whether this deployment is ready, component by component."),
    "demo": ("demo:command", "Show everything on a simulated home: a week backfilled, then live."),
    "history": ("stored_data.history:command", "Plot the course of a quantity in a room."),
    "log": ("stored_data.log:command", "Show what became of each slot: the ledger in words."),
    "report": ("stored_data.report:command", "Write the page of the dashboard as one file, or mail it."),
    "restore": ("database:restore", "Replace the database with a backup."),
    "setup": ("setup.command:command", "Connect a Hue bridge, or Amazon's monitors (setup amazon)."),
    "status": ("stored_data.status:command", "Show the newest values, the last cycles and open incidents."),
    "simulate": ("simulate:command", "Prove what is promised on days of a simulated home, in minutes."),
    "simulator": ("simulator:command", "Run the simulated home alone, for other clients."),
}


_BREAK = re.compile(r"\s*[\r\n]+\s*")


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"entrypoints.commands.{module}"), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in sorted(_COMMANDS.items())])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            check_limits()
            return super().invoke(ctx)
        except HomeclimateError as error:
            text = str(error)  # that of other programs may have several lines, which are one here
            lines = text.split("\n") if isinstance(error, SettingsError) else [_BREAK.sub(" ", text)]
            _report(*lines)
            return _code_of(error)
        except (OSError, RuntimeError, MemoryError) as error:
            return _denied(error)


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="homeclimate")
def homeclimate() -> None:
    """Record the temperature and air quality of a home, and account for every reading."""


def main(arguments: list[str] | None = None, *, environment: Environment | None = None) -> int:
    """Run the command line and return its exit code; nothing that a person can cause ends in a traceback.

    `environment` replaces the real one: tests pass the certificates of a simulated home.
    """
    prepare_streams()
    prepare_time_zone()
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["health"]:
        from entrypoints.commands import health  # which ends the process by its deadline, whatever hangs

        health.main(given[1:], environment=environment)
    return _run(given, environment)


def _run(arguments: list[str], environment: Environment | None) -> int:
    try:
        returned = homeclimate.main(
            args=arguments, prog_name=program_name(), standalone_mode=False, obj=environment
        )
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        show_usage_error(error)
        return exit_codes.USAGE
    except OSError as error:  # the help, or the version, could not be printed
        return _denied(error)
    return returned if isinstance(returned, int) else 0


def _denied(error: BaseException) -> int:
    """Report what the system denies and return the exit code; raise what is a fault of the program."""
    if isinstance(error, BrokenPipeError):  # the reader of stdout went away, such as `| head`
        discard_stdout()
        return exit_codes.CLOSED_PIPE
    if (text := explain(error)) is None:
        raise error
    _report(text)
    discard_stdout()
    return exit_codes.FAILED


def _report(first: str, *lines: str) -> None:
    with suppress(OSError, ValueError):  # stderr may be what is full, or closed
        print_message(f"homeclimate: {first}", *lines, err=True)


def _code_of(error: HomeclimateError) -> int:
    match error:
        case SettingsError() | StoreRefused():
            return exit_codes.CONFIGURATION
        case SourceLocked():
            return exit_codes.HELD
        case _:
            return exit_codes.FAILED
