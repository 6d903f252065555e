"""`homeclimate dashboard`: the stored readings as a page in the browser."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import secrets
import socket
import webbrowser
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
from aiohttp import web

from config.loading import load_to_read
from entrypoints.commands.collect import stop_on_signals
from entrypoints.commands.options import DASHBOARD_PORT, config_option, env_option, home_option
from entrypoints.commands.stored_data.dashboard_process import become_child
from entrypoints.exit_codes import FAILED
from entrypoints.process import find_home
from entrypoints.terminal.output import print_message
from entrypoints.web.server import Access, application, runner_of
from entrypoints.wiring.dashboard import page_data
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_of

LOOPBACK = "127.0.0.1"
_NAMES = ("localhost", "127.0.0.1", "[::1]")


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=DASHBOARD_PORT, show_default=True, metavar="PORT"
)
@click.option("--open", "opens_browser", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--host",
    metavar="ADDRESS",
    default=LOOPBACK,
    show_default=True,
    help="Listen on this address. Beyond this machine the page asks for a token, which is printed once.",
)
@click.option("--child", "is_child", is_flag=True, hidden=True, help="End with stdin, at a low priority.")
@home_option
@config_option
@env_option
@click.pass_obj
def command(
    environment: Environment | None,
    *,
    port: int,
    opens_browser: bool,
    host: str,
    is_child: bool,
    home: Path | None,
    config_file: Path | None,
    env: str | None,
) -> int:
    """Serve the stored readings as a page, which changes nothing, until Ctrl-C.

    Exit code: 0 after Ctrl-C or SIGTERM, 1 the port cannot be used, 78 wrong configuration.
    """
    home_now = home_of(
        load_to_read(find_home(home), config_file=config_file, env=env), environment or Environment()
    )
    return serve(home_now, host=host, port=port, opens_browser=opens_browser, is_child=is_child)


def serve(
    home: Home,
    *,
    host: str = LOOPBACK,
    port: int,
    opens_browser: bool = False,
    is_child: bool = False,
    meanwhile: Callable[[asyncio.Event], Awaitable[None]] | None = None,
) -> int:
    """Serve the pages of the home until Ctrl-C or SIGTERM, or until stdin ends if this is a child process.

    `meanwhile` runs next to it, until the event is set.
    """
    access = access_at(host)
    app = application(page_data(home), access)
    return asyncio.run(
        _serve(app, access, host, port, opens_browser=opens_browser, is_child=is_child, meanwhile=meanwhile)
    )


async def _serve(
    app: web.Application,
    access: Access,
    host: str,
    port: int,
    *,
    opens_browser: bool,
    is_child: bool,
    meanwhile: Callable[[asyncio.Event], Awaitable[None]] | None,
) -> int:
    stop = await stop_on_signals(at_ctrl_c=None)
    if is_child:
        become_child(stop)
    runner = runner_of(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            print_message(f"homeclimate: {host}:{port} cannot be used: {cause_and_step(error)}", err=True)
            return FAILED
        chosen = runner.addresses[0][1]
        query = "" if access.token is None else f"?token={access.token}"
        address = f"http://{_in_address(_own_address() if access.any_address else host)}:{chosen}/{query}"
        print_message(f"Open {address} in a browser. Press Ctrl-C to stop.")
        if opens_browser:
            webbrowser.open(address)
        if meanwhile is not None:
            await meanwhile(stop)
        await stop.wait()
    finally:
        await runner.cleanup()
    return 0


def cause_and_step(error: OSError) -> str:
    """Return why the address cannot be used, and what to do; asyncio's own text repeats the address."""
    match error.errno:
        case errno.EADDRINUSE:
            return "another program uses this port. Choose another one with --port"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have this address. Name one of its own with --host"
        case errno.EACCES:
            return "this user may not use this port. Choose one above 1023 with --port"
    return f"{error.strerror or error}. Choose another --host or --port"


def access_at(host: str) -> Access:
    """Return who may see the pages that are served at this address: beyond this machine with a new token."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if host == "localhost" or (address is not None and address.is_loopback):
        return Access(hosts=(*_NAMES, _in_address(host)))
    is_any = not host or (address is not None and address.is_unspecified)
    own = socket.gethostname().lower()
    others = (own, f"{own}.local") if is_any else (_in_address(host.lower()),)
    return Access(hosts=(*_NAMES, *others), any_address=is_any, token=secrets.token_urlsafe(24))


def _in_address(host: str) -> str:
    """Return the host as addresses of pages and the Host header have it."""
    return f"[{host}]" if ":" in host else host


def _own_address() -> str:
    """Return the address at which others of the network reach this machine; its name if that is unknown."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # chooses an interface; sends nothing
            return str(probe.getsockname()[0])
    except OSError:
        return socket.gethostname()
