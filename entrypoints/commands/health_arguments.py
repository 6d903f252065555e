"""What the command line of a health check asks for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NoReturn

import attrs

from entrypoints.exit_codes import USAGE

DEADLINE_S = 15.0
LEAST_S = 1.0
_ANSWERS_SHARE = 14 / 15  # the rest is for telling what has not answered, and for the end


@attrs.frozen(kw_only=True)
class Request:
    """`only` empty means every component. `timeout_s` is when the process is gone."""

    home: Path
    config_file: Path | None = None
    env: str | None = None
    only: tuple[str, ...] = ()
    is_offline: bool = False
    as_json: bool = False
    is_brief: bool = False
    sends_test_mail: bool = False
    timeout_s: float = DEADLINE_S
    bundle: Path | None = None
    lists: bool = False

    @property
    def answers_s(self) -> float:
        """How long probes have for their answers."""
        return self.timeout_s * _ANSWERS_SHARE

    def with_less_time(self, passed_s: float) -> Request:
        """The same, when so much of its time has passed already."""
        return attrs.evolve(self, timeout_s=max(self.timeout_s - passed_s, LEAST_S))

    def wants(self, component: str) -> bool:
        """Whether it was asked for; `hue` means every bridge."""
        return not self.only or component in self.only or component.partition(":")[0] in self.only


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage()
        self.exit(USAGE, f"{self.prog}: {message}\n")


def parsed(
    arguments: Sequence[str],
    find_home: Callable[[Path | None], Path],
    components: Collection[str],
) -> Request:
    """The request. Ends the program for --help, and with 64 for what it does not understand."""
    parser = _Parser(
        prog="homeclimate health",
        description="Tell of each component of this deployment whether it is as it should be.",
        epilog="Exit code: 0 all passed (warnings do not count), 1 some failed, 2 nothing can be collected;"
        " 64 wrong usage.",
        allow_abbrev=False,
    )
    parser.add_argument("--home", type=Path, metavar="DIRECTORY", help="where config/, data/ and logs/ stand")
    parser.add_argument("--config", type=Path, metavar="FILE", help="in place of config/config.yaml")
    parser.add_argument("--env", metavar="NAME", help="lay config.NAME.yaml over the configuration")
    parser.add_argument("--offline", action="store_true", help="leave the network out")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only this component; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="name the components, and end")
    parser.add_argument(
        "--timeout",
        type=float,
        default=DEADLINE_S,
        metavar="SECONDS",
        help="the process is gone by then (default: 15)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document (docs/reference/health.md)")
    form.add_argument("--brief", action="store_true", help="one line, as Nagios and its like want it")
    parser.add_argument(
        "--send-test-mail", action="store_true", help="send a mail to those who are told of trouble"
    )
    parser.add_argument(
        "--bundle", type=Path, metavar="FILE.zip", help="write what a bug report needs, without secrets"
    )
    given = parser.parse_args(arguments)
    if not LEAST_S <= given.timeout <= 600:
        parser.error("--timeout takes 1 to 600 seconds")
    if unknown := [name for name in given.only if name.partition(":")[0] not in components]:
        parser.error(f"there is no component {unknown[0]}; --list names them")
    return Request(
        home=find_home(given.home),
        config_file=given.config,
        env=given.env,
        only=tuple(given.only),
        is_offline=given.offline,
        as_json=given.json,
        is_brief=given.brief,
        sends_test_mail=given.send_test_mail,
        timeout_s=given.timeout,
        bundle=given.bundle,
        lists=given.list,
    )
