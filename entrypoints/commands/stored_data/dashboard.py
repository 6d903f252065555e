"""`homeclimate dashboard`: the stored readings as a page in the browser."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import webbrowser
from pathlib import Path

import click
from aiohttp import web

from config.loading import load
from entrypoints.commands.collect import stop_on_signals
from entrypoints.commands.options import DASHBOARD_PORT, config_option, env_option, home_option
from entrypoints.commands.stored_data.dashboard_process import become_child
from entrypoints.exit_codes import FAILED
from entrypoints.process import find_home
from entrypoints.terminal.output import print_message
from entrypoints.web.server import Access, application
from entrypoints.wiring.dashboard import page_data
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_of

LOOPBACK = "127.0.0.1"
_NAMES = ("localhost", "127.0.0.1", "[::1]")
_STOP_S = 1.0


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
    home_now = home_of(load(find_home(home), config_file=config_file, env=env), environment or Environment())
    return serve(home_now, host=host, port=port, opens_browser=opens_browser, is_child=is_child)


def serve(
    home: Home, *, host: str = LOOPBACK, port: int, opens_browser: bool = False, is_child: bool = False
) -> int:
    """Serve the pages of the home until Ctrl-C or SIGTERM, or until stdin ends if this is a child process."""
    is_local = _is_loopback(host)
    access = Access(
        hosts=_NAMES if is_local else (*_NAMES, host.lower()),
        token=None if is_local else secrets.token_urlsafe(24),
    )
    app = application(page_data(home), access)
    return asyncio.run(_serve(app, access, host, port, opens_browser=opens_browser, is_child=is_child))


async def _serve(
    app: web.Application, access: Access, host: str, port: int, *, opens_browser: bool, is_child: bool
) -> int:
    stop = await stop_on_signals(at_ctrl_c=None)
    if is_child:
        become_child(stop)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            print_message(
                f"homeclimate: {host}:{port} cannot be used: {error.strerror or error}. "
                "Choose another port with --port",
                err=True,
            )
            return FAILED
        chosen = runner.addresses[0][1]
        query = "" if access.token is None else f"?token={access.token}"
        address = f"http://{host}:{chosen}/{query}"
        print_message(f"Open {address} in a browser. Press Ctrl-C to stop.")
        if opens_browser:
            webbrowser.open(address)
        await stop.wait()
    finally:
        await runner.cleanup()
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
