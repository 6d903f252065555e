"""The command line of `homeclimate health`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import click

from entrypoints.commands.options import home_option
from entrypoints.exit_codes import USAGE
from entrypoints.process import find_home

# In the order of a report. With several bridges there is a component hue:ID for each.
COMPONENTS: Mapping[str, str] = {
    "configuration": "config.yaml is valid, has no unknown keys, and enables a source",
    "environment": "Python, its virtual environment, and the locked packages",
    "secrets": "secrets.yaml has what the sources need, and is private",
    "database": "a reading can be written, and rolled back",
    "database_place": "the folder of the database is local and not synchronised",
    "wal": "journal mode and write-ahead log of the database",
    "sqlite": "version of SQLite",
    "last_check": "result of the last daily check of every row",
    "disk": "free space",
    "logs": "the log folder is writable, and within 60 MB",
    "spool": "no cycle waits to be stored",
    "alert_file": "no file asks a person to act",
    "clock": "the time is plausible",
    "last_cycle": "a collector runs, and its cycles are recent",
    "service": "an installed service is active",
    "mail": "mail can be sent (only with --send-test-mail)",
    "hue": "each bridge proves its identity and answers",
    "amazon": "the account answers with its monitors",
}
DEFAULT_TIMEOUT_S = 15.0
SHORTEST_TIMEOUT_S = 1.0
LONGEST_TIMEOUT_S = 600.0
_ANSWERS_SHARE = 14 / 15  # the rest is for reporting what has not answered, and for the exit


@attrs.frozen(kw_only=True)
class HealthRequest:
    """What to check, and how to report it. An empty `only` means all components."""

    home: Path
    config_file: Path | None = None
    env: str | None = None
    only: tuple[str, ...] = ()
    is_offline: bool = False
    as_json: bool = False
    is_brief: bool = False
    sends_test_mail: bool = False
    timeout_s: float = DEFAULT_TIMEOUT_S
    bundle: Path | None = None
    lists: bool = False

    @property
    def answers_s(self) -> float:
        """How long probes have to answer."""
        return self.timeout_s * _ANSWERS_SHARE

    def after(self, passed_s: float) -> HealthRequest:
        """Return the request with the time that is left of its timeout."""
        return attrs.evolve(self, timeout_s=max(self.timeout_s - passed_s, SHORTEST_TIMEOUT_S))

    def wants(self, component: str) -> bool:
        """Return whether the component was requested; `hue` means every bridge."""
        return not self.only or component in self.only or component.partition(":")[0] in self.only


def parse_arguments(arguments: Sequence[str]) -> HealthRequest | int:
    """Return the request, or an exit code: 0 after --help, 64 for wrong usage."""
    try:
        parsed = command.main(args=list(arguments), prog_name="homeclimate health", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return USAGE
    assert isinstance(parsed, HealthRequest | int)  # noqa: S101 - for the type checker
    return parsed


def _check_components(context: click.Context, option: click.Parameter, names: Sequence[str]) -> Sequence[str]:
    for name in names:
        if name.partition(":")[0] not in COMPONENTS:
            raise click.BadParameter(
                f"there is no component {name}; --list names them", ctx=context, param=option
            )
    return names


def _check_is_new(context: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    if file is not None and file.exists():
        raise click.BadParameter(f"{file} already exists; name another file", ctx=context, param=option)
    return file


@click.command(
    "health",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit code: 0 all passed (warnings do not count), 1 some failed, 2 nothing can be collected; "
    "64 wrong usage.",
)
@home_option
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="Instead of config/config.yaml."
)
@click.option("--env", metavar="NAME", help="Read config.NAME.yaml over the configuration.")
@click.option("--offline", "is_offline", is_flag=True, help="Leave out what needs the network.")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    callback=_check_components,
    help="Check only this component; may be repeated.",
)
@click.option("--list", "lists", is_flag=True, help="List the components, and end.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(SHORTEST_TIMEOUT_S, LONGEST_TIMEOUT_S),
    default=DEFAULT_TIMEOUT_S,
    metavar="SECONDS",
    help="The process ends by then, even if something hangs (default: 15).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document (docs/reference/health.md).")
@click.option("--brief", "is_brief", is_flag=True, help="Print one line, in the format of Nagios plugins.")
@click.option(
    "--send-test-mail", "sends_test_mail", is_flag=True, help="Send a mail to the alert recipients."
)
@click.option(
    "--bundle",
    type=click.Path(path_type=Path),
    metavar="FILE.zip",
    callback=_check_is_new,
    help="Write what a bug report needs to a new file, without secrets.",
)
def command(
    *,
    home: Path | None,
    config_file: Path | None,
    env: str | None,
    is_offline: bool,
    only: Sequence[str],
    lists: bool,
    timeout_s: float,
    as_json: bool,
    is_brief: bool,
    sends_test_mail: bool,
    bundle: Path | None,
) -> HealthRequest:
    """Check each component of this deployment."""
    if as_json and is_brief:
        raise click.UsageError("--json and --brief exclude each other")
    return HealthRequest(
        home=find_home(home),
        config_file=config_file,
        env=env,
        only=tuple(only),
        is_offline=is_offline,
        as_json=as_json,
        is_brief=is_brief,
        sends_test_mail=sends_test_mail,
        timeout_s=timeout_s,
        bundle=bundle,
        lists=lists,
    )
