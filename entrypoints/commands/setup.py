"""`homeclimate setup`: from an unopened box to the first reading."""

from __future__ import annotations

from pathlib import Path

import click

from entrypoints.process import find_home
from entrypoints.terminal.prompts import Person
from entrypoints.wiring.environment import Environment

_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where config/ and data/ stand.  [env: HOMECLIMATE_HOME]",
)


@click.group(invoke_without_command=True)
@_home
@click.option(
    "--address", metavar="HOST", help="Where the bridge is: host or host:port.  [default: look for it]"
)
@click.option("--cloud", is_flag=True, help="Ask its maker's look-up on the internet where it is, once.")
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
            raise click.UsageError("--address, --cloud and --reauth stand without a command")
        return None
    if address and cloud:
        raise click.UsageError("--address and --cloud exclude each other")
    if reauth == "amazon":
        if address or cloud:
            raise click.UsageError("--address and --cloud are for Hue bridges")
        return _amazon(context, home, is_anew=True)
    if reauth is not None and reauth.partition(":")[0] != "hue":
        raise click.UsageError(f"--reauth takes hue, hue:ID or amazon, not {reauth}")
    from entrypoints.commands import setup_hue

    request = setup_hue.Request(home=find_home(home), address=address, by_cloud=cloud, reauth=reauth)
    return setup_hue.run(request, context.obj or Environment(), Person())


@command.command("amazon")
@_home
@click.option("--domain", metavar="SITE", help="The Amazon site of the account, such as amazon.co.uk.")
@click.option("--import", "is_imported", is_flag=True, help="Take a refresh token that you have from stdin.")
@click.option("--sign-out", is_flag=True, help="Take this program off the account, and forget its token.")
@click.pass_context
def amazon(
    context: click.Context, *, home: Path | None, domain: str | None, is_imported: bool, sign_out: bool
) -> int:
    """Connect Amazon's air quality monitors: sign in by a code that you type on any device.

    Everything is tried before it is saved; Ctrl-C leaves all files as they were. The exit codes are those of
    setup.
    """
    if is_imported and sign_out:
        raise click.UsageError("--import and --sign-out exclude each other")
    assert context.parent is not None  # noqa: S101 - for the type checker
    return _amazon(
        context,
        home or context.parent.params["home"],
        domain=domain,
        is_imported=is_imported,
        is_sign_out=sign_out,
    )


def _amazon(
    context: click.Context,
    home: Path | None,
    *,
    domain: str | None = None,
    is_imported: bool = False,
    is_sign_out: bool = False,
    is_anew: bool = False,
) -> int:
    from entrypoints.commands import setup_amazon

    request = setup_amazon.Request(
        home=find_home(home), domain=domain, is_imported=is_imported, is_sign_out=is_sign_out, is_anew=is_anew
    )
    return setup_amazon.run(request, context.obj or Environment(), Person())
