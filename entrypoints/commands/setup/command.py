"""`homeclimate setup`: connect a Hue bridge or an Amazon account."""

from __future__ import annotations

from pathlib import Path

import click

from entrypoints.commands.options import CommandGroup, home_option
from entrypoints.commands.setup import amazon, hue
from entrypoints.process import find_home
from entrypoints.terminal.prompts import Prompts
from entrypoints.wiring.environment import Environment


@click.group(cls=CommandGroup, invoke_without_command=True)
@home_option
@click.option("--address", metavar="HOST", help="The bridge's host or host:port.  [default: search for it]")
@click.option("--cloud", is_flag=True, help="Ask the maker's look-up on the internet for its address, once.")
@click.option(
    "--reauth", metavar="SOURCE", help="Replace only the key or the token of hue, hue:ID or amazon."
)
@click.pass_context
def command(
    context: click.Context, *, home: Path | None, address: str | None, cloud: bool, reauth: str | None
) -> int | None:
    """Connect a Hue bridge: find it, press its button, see the rooms.

    Everything is tried before it is saved; Ctrl-C leaves all files as they were. Exit code: 0 done, 1 not
    done (no bridge, button not pressed), 64 wrong usage, 78 the home's files are wrong, 130 Ctrl-C.
    """
    if context.invoked_subcommand is not None:
        if address or cloud or reauth:
            raise click.UsageError("--address, --cloud and --reauth cannot be used with a subcommand")
        return None
    if address and cloud:
        raise click.UsageError("--address and --cloud exclude each other")
    environment = context.obj or Environment()
    if reauth == "amazon":
        if address or cloud:
            raise click.UsageError("--address and --cloud are for Hue bridges")
        account = amazon.Request(home=find_home(home), replaces_token=True)
        return amazon.run(account, environment, Prompts())
    if reauth is not None and reauth.partition(":")[0] != "hue":
        raise click.UsageError(f"--reauth takes hue, hue:ID or amazon, not {reauth}")
    bridge = hue.Request(home=find_home(home), address=address, by_cloud=cloud, reauth=reauth)
    return hue.run(bridge, environment, Prompts())


@command.command("amazon")
@home_option
@click.option("--domain", metavar="SITE", help="The Amazon site of the account, such as amazon.co.uk.")
@click.option("--import", "is_imported", is_flag=True, help="Read a refresh token that you have from stdin.")
@click.option("--sign-out", is_flag=True, help="Remove this program from the account, and forget its token.")
@click.pass_context
def amazon_command(
    context: click.Context, *, home: Path | None, domain: str | None, is_imported: bool, sign_out: bool
) -> int:
    """Connect Amazon's air quality monitors: sign in with a code that you type on any device.

    Everything is tried before it is saved; Ctrl-C leaves all files as they were. The exit codes are those of
    setup.
    """
    if is_imported and sign_out:
        raise click.UsageError("--import and --sign-out exclude each other")
    assert context.parent is not None  # noqa: S101 - for the type checker
    request = amazon.Request(
        home=find_home(home or context.parent.params["home"]),
        domain=domain,
        is_imported=is_imported,
        is_sign_out=sign_out,
    )
    return amazon.run(request, context.obj or Environment(), Prompts())
